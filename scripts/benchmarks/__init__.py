"""The parts of `scripts/bench`; docs/benchmarks.md tells the method."""
