"""The dashboard's pages of pipelines."""
