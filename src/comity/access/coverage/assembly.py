"""Chunks' results put together into the figures of the whole grid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from comity.access.coverage.chunks import ChunkResult
from comity.access.coverage.result import Coverage, Options

_FLOATS = (
    "covered_s",
    "first_s",
    "revisit_mean_s",
    "revisit_median_s",
    "revisit_max_s",
    "response_mean_s",
    "response_max_s",
    "longest_gap_s",
)


class Assembly:
    """Takes the chunks of a run in any order."""

    def __init__(self, cells: int, options: Options) -> None:
        self.done = 0
        self._cells = cells
        self._whole = {name: np.full(cells, -1, dtype=np.int64) for name in ("looks", "accesses")}
        self._floats = {name: np.full(cells, math.nan) for name in _FLOATS}
        shape = cells, len(options.percentiles)
        self._gaps, self._responses = np.empty(shape), np.empty(shape)
        self._waits = np.empty((cells, options.starts), dtype=np.float32)

    def add(self, chunk: ChunkResult) -> None:
        """Put one chunk's figures where its cells are."""
        for column, array in enumerate((*self._whole.values(), *self._floats.values())):
            array[chunk.index] = chunk.figures[:, column]
        self._gaps[chunk.index] = chunk.gap_percentiles
        self._responses[chunk.index] = chunk.wait_percentiles
        self._waits[chunk.index] = chunk.waits
        self.done += len(chunk.index)

    def coverage(self, **known: Any) -> Coverage:
        """The result; ``known``: its other fields. Raises RuntimeError when a chunk is missing."""
        if self.done != self._cells or (self._cells and int(self._whole["looks"].min()) < 0):
            raise RuntimeError(f"{self.done} of {self._cells} cells came back")
        fields: dict[str, Any] = {**self._whole, **self._floats, **known}
        return Coverage(
            revisit_percentiles_s=self._gaps,
            response_percentiles_s=self._responses,
            wait_s=self._waits,
            **fields,
        )
