"""What every REST endpoint of ours is built from: identity, permission, strictness, rendering."""
