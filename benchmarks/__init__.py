"""The figures of docs/benchmarks.md, measured on the real platform."""
