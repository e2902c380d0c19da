"""Pipelines' endpoints, one module per noun."""
