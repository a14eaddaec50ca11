"""Comity runs a joint satellite operator, from programme file to settlement."""

__version__ = "0.1.0"
