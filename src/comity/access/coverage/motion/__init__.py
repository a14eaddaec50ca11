"""Satellites' states made ready for the search: nadir, reach and bounds of every step."""
