"""Compiled search for where along their ways spacecraft come into reach of places."""
