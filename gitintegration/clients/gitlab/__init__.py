"""GitLab, the public service and every server of one's own."""
