"""Coasts and borders as lines, for maps: the Natural Earth that :mod:`comity.fleet.territories` reads."""

from __future__ import annotations

import gzip
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from comity.fleet.topojson import Topology

FloatArray = NDArray[np.float64]


@cache
def _topology() -> tuple[Topology, int]:
    """The borders of the world and how many territories they enclose."""
    packed = (resources.files("comity.fleet") / "data" / "countries-10m.topojson.gz").read_bytes()
    topology = Topology(gzip.decompress(packed), "countries")
    return topology, len(topology.geometries)


def lines_in(
    west: float, south: float, east: float, north: float, grain_deg: float
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Coasts and borders that touch a box (degrees; ``east`` may pass 180): lists of lines (m, 2) lon, lat.

    ``grain_deg``: positions nearer to the last one drawn than this are left out, as are islets that small.
    """
    topology, count = _topology()
    users: dict[int, int] = {}
    for geometry in range(count):
        for arc in topology.arcs_of(geometry):
            users[arc] = users.get(arc, 0) + 1
    coasts: list[FloatArray] = []
    borders: list[FloatArray] = []
    for arc, used in sorted(users.items()):
        line = topology.arc(arc)
        low, high = line.min(axis=0), line.max(axis=0)
        if high[1] < south or low[1] > north:
            continue
        if used == 1 and (high - low).max() < 2.0 * grain_deg:
            continue
        pieces = _pieces(line, grain_deg)
        for turn in (-360.0, 0.0, 360.0):
            if high[0] + turn >= west and low[0] + turn <= east:
                (coasts if used == 1 else borders).extend(piece + np.array([turn, 0.0]) for piece in pieces)
    return coasts, borders


def _pieces(line: FloatArray, grain_deg: float) -> list[FloatArray]:
    """The line without positions in the same square of ``grain_deg`` as the last, cut at the antimeridian.

    What runs along the antimeridian is left out: the data cut land there, where no coast or border is.
    """
    squares = np.floor(line / grain_deg)
    kept = np.ones(len(line), dtype=np.bool_)
    kept[1:-1] = np.any(squares[1:-1] != squares[:-2], axis=1)
    line = line[kept]
    on_it = np.abs(line[:, 0]) > 180.0 - 1e-6
    along = (on_it[1:] & on_it[:-1]) | (np.abs(np.diff(line[:, 0])) > 180.0)
    jumps = np.flatnonzero(along) + 1
    return [piece for piece in np.split(line, jumps) if len(piece) > 1]
