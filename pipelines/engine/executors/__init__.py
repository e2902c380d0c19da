"""Where commands run: processes of this machine, or containers."""
