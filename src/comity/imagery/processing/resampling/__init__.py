"""Compiled resampling of one grid of pixels onto another."""
