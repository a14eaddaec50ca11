"""Sets of acquisitions of which one excludes all the others."""

from comity.planning.paths.cliques.kernels import covering

__all__ = ["covering"]
