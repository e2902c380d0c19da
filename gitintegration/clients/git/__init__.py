"""Plain git: the hardened program, its deliveries, and the hook that sends them."""
