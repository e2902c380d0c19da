"""Clients of what runs containers."""
