"""One folder per git host, and the hardened git program itself."""
