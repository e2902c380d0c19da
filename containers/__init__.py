"""Containers: instances, templates, quotas, secret references, Docker hosts and engine clients.

Today it owns the secret references, the Docker hosts and the containers of steps.
"""
