"""Every write of the containers app, one module per noun."""
