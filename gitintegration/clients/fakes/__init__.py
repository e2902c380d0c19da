"""What the shipped fake git hosts have in common: state, real git, hooks, faults, a socket."""
