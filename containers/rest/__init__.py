"""The containers app's endpoints: secrets by reference, Docker hosts."""
