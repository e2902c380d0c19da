"""The dashboard's pages of the kernel, and what every page of ours shares."""
