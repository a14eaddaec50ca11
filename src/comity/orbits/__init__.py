"""Elements, frames, time scales and propagation."""

from comity.orbits.elements import MeanElements

__all__ = ["MeanElements"]
