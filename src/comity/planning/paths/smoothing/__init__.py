"""Soft longest paths: every path counts by the exponential of its worth, which is smooth in the prices."""

from comity.planning.paths.smoothing.kernels import restricted, soft_paths, transposed

__all__ = ["restricted", "soft_paths", "transposed"]
