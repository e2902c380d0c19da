"""Pipelines' resources as JSON, one module per noun."""
