"""A Bitbucket Cloud that stands on this machine: its API, its hooks, git over HTTP."""
