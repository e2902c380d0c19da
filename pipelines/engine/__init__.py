"""The worker's side of a run: claim it, take it through its steps, survive anything."""
