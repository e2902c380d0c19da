"""Git hosts, repositories, incoming webhooks and the hardened git client."""
