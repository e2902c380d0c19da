"""The marketplace: templates, instances, executions and credentials of outside connections."""
