"""Containers: instances, templates, quotas, secret references, Docker hosts and engine clients.

Today it owns the secret references; the rest comes with the containers part.
"""
