"""The demonstration: a small project with tests, pushed for real, so that a run can be watched."""
