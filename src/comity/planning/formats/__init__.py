"""Converters between public problem sets and the planning problem, and their own checkers."""
