"""The bodies of the git integration, by subject."""
