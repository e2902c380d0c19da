"""Clients of outside services that the kernel speaks to."""
