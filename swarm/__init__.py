"""Docker Swarm: clusters, nodes, services, stacks and rollouts with a verdict.

Laid out, without content yet: imports `containers.public` downwards, is used by `pipelines`.
"""
