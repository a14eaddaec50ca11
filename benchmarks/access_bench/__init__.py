"""Parts of the benchmark ``access.py``: its jobs, its reference, its peers and its rows."""
