"""What `benchmarks/planning.py` runs."""
