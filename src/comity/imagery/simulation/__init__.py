"""Simulated acquisition: raw level-0 data of any sensor geometry over a scene of known truth."""
