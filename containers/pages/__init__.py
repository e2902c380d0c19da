"""The dashboard's pages of the containers app."""
