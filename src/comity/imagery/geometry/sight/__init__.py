"""Compiled kernels of the rigorous camera model."""
