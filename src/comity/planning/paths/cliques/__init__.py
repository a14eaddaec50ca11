"""Sets of acquisitions of which one excludes all the others."""

from comity.planning.paths.cliques.kernels import clique_cover

__all__ = ["clique_cover"]
