"""Docker Swarm: clusters, nodes, services, stacks and rollouts with a verdict."""
