"""The client of our own API: what the command line, the demonstration and benchmarks use."""
