"""The dashboard's pages of the git integration."""
