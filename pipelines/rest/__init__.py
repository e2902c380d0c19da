"""The endpoints of pipelines, runs, logs, artifacts, workers and repositories."""
