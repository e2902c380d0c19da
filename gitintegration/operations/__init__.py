"""Every write of the git integration, one module per noun."""
