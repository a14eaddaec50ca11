"""What `benchmarks/imagery.py` runs, a file per job."""
