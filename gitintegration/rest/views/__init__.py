"""The resources of the git integration, by subject."""
