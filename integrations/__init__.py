"""The marketplace: templates, instances, executions and credentials of outside connections.

Laid out, without content yet: its executors will be called by `pipelines` through `public.py`.
"""
