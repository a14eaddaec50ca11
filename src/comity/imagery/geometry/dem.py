"""Relief: heights above the ellipsoid from any raster of heights."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from comity.core import InputError
from comity.imagery.geometry.geoid import Geoid, open_geoid
from comity.imagery.geometry.posts import Posts

Floats = NDArray[np.float64]

Voids = Literal["refuse", "sea"]
#: What no place on the Earth is as low or as high as, m.
_LEAST_M, _MOST_M = -600.0, 9_200.0


class Dem:
    """A digital elevation model: SRTM ``.hgt``, GeoTIFF, VRT, any raster and projection that GDAL reads.

    Its values are heights above ``geoid`` (``"egm96"``, a raster of undulations) or, with ``"none"``, above
    the WGS-84 ellipsoid, at pixel centres and linear between them. ``voids``: what holds where the model has
    a hole, NaN (``refuse``) or the sea's level (``sea``); beyond its edge heights are always NaN.
    Raises :class:`InputError` naming a file that is no elevation model.
    """

    def __init__(
        self, path: Path, geoid: str | Path | Geoid | None = "egm96", *, voids: Voids = "refuse"
    ) -> None:
        self.path = path
        self.posts = Posts(path, "DEM")
        self.geoid = open_geoid(geoid) if isinstance(geoid, (str, Path)) else geoid
        self.voids = voids

    @property
    def name(self) -> str:
        """For a product's metadata: the file and what its heights are above."""
        return f"{self.path.name} + {self.geoid.name}" if self.geoid else f"{self.path.name}, ellipsoidal"

    def heights(self, lon_deg: ArrayLike, lat_deg: ArrayLike) -> Floats:
        """Heights above the ellipsoid, m; NaN beyond the model and in holes that ``voids`` does not fill."""
        heights = self.posts.sample(lon_deg, lat_deg)
        if self.voids == "sea":
            covered = self.posts.covers(*self.posts.place(lon_deg, lat_deg))
            heights = np.where(covered & np.isnan(heights), 0.0, heights)
        if self.geoid is not None:
            heights = heights + self.geoid.undulation_m(lon_deg, lat_deg)
        return np.asarray(heights)

    def window(self, first_row: int, last_row: int, first_col: int, last_col: int) -> NDArray[np.float32]:
        """Posts as in the file (above the geoid, if there is one), holes filled as ``voids`` says.

        Raises :class:`InputError` for what cannot be heights in metres.
        """
        posts = self.posts.window(first_row, last_row, first_col, last_col)
        if self.voids == "sea":
            posts = np.where(np.isnan(posts), np.float32(0.0), posts)
        known = posts[~np.isnan(posts)]
        if known.size and not (known.min() > _LEAST_M and known.max() < _MOST_M):
            raise InputError(
                f"DEM {self.path} holds heights of {known.min():g} … {known.max():g} m: not metres, "
                "or a nodata value it does not declare"
            )
        return posts

    def typical_height(self, lon_deg: float, lat_deg: float) -> float:
        """A height to begin with: at the place, or the median about it where the model has a hole there."""
        here = float(self.heights(lon_deg, lat_deg))
        if math.isfinite(here):
            return here
        spread = np.linspace(-0.1, 0.1, 21)
        around = self.heights(lon_deg + spread[:, None], lat_deg + spread[None, :])
        known = around[np.isfinite(around)]
        return float(np.median(known)) if known.size else math.nan


class FlatDem:
    """No relief: one height above the ellipsoid everywhere."""

    def __init__(self, height_m: float) -> None:
        self.height_m = height_m
        self.name = f"flat, {height_m:g} m above the ellipsoid"

    def heights(self, lon_deg: ArrayLike, lat_deg: ArrayLike) -> Floats:
        """The height, at places that are numbers."""
        lon, lat = np.broadcast_arrays(np.asarray(lon_deg, np.float64), np.asarray(lat_deg, np.float64))
        return np.where(np.isfinite(lon) & np.isfinite(lat), self.height_m, math.nan)


def voids_named(name: str) -> Voids:
    """``refuse`` or ``sea``; raises :class:`InputError` for anything else."""
    for known in get_args(Voids):
        if name == known:
            found: Voids = known
            return found
    raise InputError(f"voids {name!r}: give one of {', '.join(get_args(Voids))}")
