"""Slowly varying fields kept on coarse nodes of an image grid and enlarged where they are needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.imagery.scenery import kernels


@dataclass(frozen=True, slots=True)
class Sheet:
    """Values (rows, cols) float32 at nodes of an image grid.

    Node (i, j) stands at the corner of pixel ((i − margin)·step, (j − margin)·step).
    """

    values: NDArray[np.float32]
    step: int
    margin: int = 0

    def at(self, row: float, col: float, rows: int, cols: int, pitch: float = 1.0) -> NDArray[np.float32]:
        """Bilinear values, (rows, cols), every ``pitch`` pixels from (row, col) in pixels.

        Whole numbers are pixel corners; a pixel's centre is at .5.
        """
        shift = self.margin * self.step
        found: NDArray[np.float32] = kernels.enlarge(
            self.values, float(self.step), row + shift, col + shift, rows, cols, float(pitch)
        )
        return found


def smoothstep(low: float, high: float, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """0 below ``low``, 1 above ``high``, a smooth S between; ``low > high`` falls instead. ``x`` (r, c)."""
    found: NDArray[np.float32] = kernels.smoothstep(np.float32(low), np.float32(1.0 / (high - low)), x)
    return found
