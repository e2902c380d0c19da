"""One module per step type: its configuration, its outputs, and the handler that does the work."""
