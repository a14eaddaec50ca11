"""A block of pixels as the coded tiles of a GeoTIFF, and as the next coarser overview."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from comity.imagery.processing.raster import RasterLayout

#: Pixels along the side of a tile.
TILE = 512
#: DEFLATE effort of libdeflate, 1 … 12: above 1 the packing costs more than the picture, for a few per cent.
LEVEL = 1

Overviews = Literal["average", "nearest"]
Pixels = NDArray[Any]


def level_sizes(width: int, height: int) -> list[tuple[int, int]]:
    """(width, height) of the image and of its overviews, each half the one before, down to one tile."""
    sizes = [(width, height)]
    while max(sizes[-1]) > TILE:
        wide, high = sizes[-1]
        sizes.append(((wide + 1) // 2, (high + 1) // 2))
    return sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Coder:
    """How the pixels of one image are halved and coded. ``nodata`` as in the layout."""

    dtype: np.dtype[Any]
    bands: int
    nodata: float | None
    overviews: Overviews

    @classmethod
    def of(cls, layout: RasterLayout, overviews: Overviews) -> Coder:
        """The coder of a layout."""
        return cls(
            dtype=np.dtype(layout.dtype), bands=len(layout.bands), nodata=layout.nodata, overviews=overviews
        )

    @property
    def fill(self) -> float:
        """What stands where there is no pixel."""
        return 0.0 if self.nodata is None else self.nodata

    def records(self, pixels: Pixels) -> list[list[bytes]]:
        """The tiles of (bands, rows, cols), rows of tiles; each a record as :func:`record` makes."""
        return [
            [record(self._tile(pixels, row, col)) for col in range(0, pixels.shape[2], TILE)]
            for row in range(0, pixels.shape[1], TILE)
        ]

    def _tile(self, pixels: Pixels, row: int, col: int) -> bytes:
        import imagecodecs

        from comity.imagery.processing.tiles import kernels

        out = np.full((TILE, TILE, self.bands), self.fill, self.dtype)
        if self.dtype.kind == "f":
            kernels.pack_plain(pixels, row, col, out)
            coded = imagecodecs.floatpred_encode(out, axis=1)
            return bytes(imagecodecs.deflate_encode(coded.tobytes(), LEVEL))
        plain = np.dtype(f"u{self.dtype.itemsize}")  # differences wrap round whatever the sign
        kernels.pack_differences(pixels.view(plain), row, col, out.view(plain))
        return bytes(imagecodecs.deflate_encode(out.tobytes(), LEVEL))

    def halve(self, pixels: Pixels) -> Pixels:
        """The next overview of (bands, rows, cols)."""
        if self.overviews == "nearest":
            return np.ascontiguousarray(pixels[:, ::2, ::2])
        from comity.imagery.processing.tiles import kernels

        bands, rows, cols = pixels.shape
        out = np.empty((bands, (rows + 1) // 2, (cols + 1) // 2), pixels.dtype)
        if self.dtype.kind == "f":
            kernels.halve_floats(pixels, math.nan if self.nodata is None else self.nodata, out)
        else:
            kernels.halve_integers(pixels, int(self.fill), self.nodata is not None, out)
        return out

    def statistics(self, pixels: Pixels) -> NDArray[np.float64]:
        """Per band valid count, least, most, sum, sum of squares: (bands, 5)."""
        from comity.imagery.processing.tiles import kernels

        out = np.empty((self.bands, 5))
        kernels.statistics(pixels, self.fill, self.nodata is not None, out)
        return out

    def valid(self, pixels: Pixels) -> NDArray[np.bool_]:
        """(rows, cols) where any band has a value."""
        valid = np.ones(pixels.shape, bool) if self.nodata is None else pixels != self.nodata
        if self.dtype.kind == "f":
            valid &= ~np.isnan(pixels)
        return np.asarray(valid.any(axis=0))


def mask_records(valid: NDArray[np.bool_]) -> list[list[bytes]]:
    """The one-bit tiles of a mask (rows, cols), rows of tiles."""
    import imagecodecs

    rows = []
    for row in range(0, valid.shape[0], TILE):
        tiles = []
        for col in range(0, valid.shape[1], TILE):
            part = valid[row : row + TILE, col : col + TILE]
            whole = np.zeros((TILE, TILE), bool)
            whole[: part.shape[0], : part.shape[1]] = part
            tiles.append(
                record(bytes(imagecodecs.deflate_encode(np.packbits(whole, axis=1).tobytes(), LEVEL)))
            )
        rows.append(tiles)
    return rows


def record(coded: bytes) -> bytes:
    """A coded tile between its size and its last four bytes again, the order GDAL's COGs promise."""
    return struct.pack("<I", len(coded)) + coded + coded[-4:]
