"""The Docker Engine, through its own API."""
