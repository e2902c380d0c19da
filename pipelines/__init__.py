"""Pipelines: definitions, runs, the engine, step handlers, workers, artifacts, test reports."""
