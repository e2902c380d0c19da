"""Containers: one-shot instances, templates, quotas, secret references, Docker hosts and engine clients."""
