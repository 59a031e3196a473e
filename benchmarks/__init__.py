"""The workloads of Callboard and of its peers on one server: `python -m benchmarks`."""
