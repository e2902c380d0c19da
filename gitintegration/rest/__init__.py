"""The git integration's endpoints: where hosts deliver, what they delivered, providers."""
