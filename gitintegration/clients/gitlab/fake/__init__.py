"""A GitLab server on a loopback socket: its HTTP API, its refusals and its deliveries."""
