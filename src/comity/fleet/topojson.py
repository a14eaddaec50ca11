"""Reading a quantised TopoJSON topology lazily: only the arcs asked for are decoded.

TopoJSON 1.0 (https://github.com/topojson/topojson-specification): a geometry's rings are lists of arc
numbers (``~n`` walks arc *n* backwards); arcs are delta-encoded integers that ``transform`` maps to
longitude and latitude. Neighbours share arcs, so "which border do these two have in common" is a set
intersection, not geometry.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError

Ring = NDArray[np.float64]


class Topology:
    """One object of a TopoJSON file.

    Parameters
    ----------
    text : the file, UTF-8, compact (no spaces), with a ``transform``.
    name : which of its ``objects`` to read.

    Raises :class:`InputError` when the text is not such a topology.
    """

    def __init__(self, text: bytes, name: str) -> None:
        # Parsing half a million numbers as JSON takes longer than everything else a lookup does, so
        # the arcs are only split here and each is parsed when it is wanted.
        head, end = text.rfind(b',"arcs":[[['), text.rfind(b"]]]")
        if head < 0 or end < head:
            raise InputError("not a compact TopoJSON topology with arcs")
        self._arc_texts = text[head + len(b',"arcs":[[[') : end].split(b"]],[[")
        frame: dict[str, Any] = json.loads(text[:head] + text[end + 3 :])
        self.geometries: list[dict[str, Any]] = frame["objects"][name]["geometries"]
        self._scale = np.array(frame["transform"]["scale"])
        self._translate = np.array(frame["transform"]["translate"])
        self._arcs: dict[int, Ring] = {}
        self._users: dict[int, list[int]] | None = None

    def arc(self, index: int) -> Ring:
        """Positions of one arc, (n, 2) degrees lon, lat; ``~n`` gives arc n backwards."""
        if index < 0:
            return self.arc(~index)[::-1]
        found = self._arcs.get(index)
        if found is None:
            deltas = np.array(json.loads(b"[[" + self._arc_texts[index] + b"]]"), dtype=np.int64)
            found = np.cumsum(deltas, axis=0) * self._scale + self._translate
            found.setflags(write=False)
            self._arcs[index] = found
        return found

    def polygons(self, geometry: int) -> Iterator[list[Ring]]:
        """The polygons of a geometry as lists of closed rings (exterior first), (n, 2) degrees.

        Islets that quantisation has flattened to a line or a point are left out.
        """
        for polygon in self._polygon_arcs(geometry):
            rings = [self._ring(ring) for ring in polygon]
            if len(rings[0]) >= 4:
                yield [ring for ring in rings if len(ring) >= 4]

    def arcs_of(self, geometry: int) -> set[int]:
        """Numbers (never complemented) of all arcs a geometry uses."""
        return {
            arc if arc >= 0 else ~arc
            for polygon in self._polygon_arcs(geometry)
            for ring in polygon
            for arc in ring
        }

    def common_arcs(self, geometry: int, other: int) -> list[Ring]:
        """The arcs two geometries share: their common border."""
        return [self.arc(n) for n in sorted(self.arcs_of(geometry) & self.arcs_of(other))]

    def neighbours(self, geometry: int) -> list[int]:
        """Geometries that share at least one arc with this one, in the file's order."""
        if self._users is None:
            users: dict[int, list[int]] = defaultdict(list)
            for number in range(len(self.geometries)):
                for arc in self.arcs_of(number):
                    users[arc].append(number)
            self._users = users
        return sorted({n for arc in self.arcs_of(geometry) for n in self._users[arc]} - {geometry})

    def _polygon_arcs(self, geometry: int) -> list[list[list[int]]]:
        item = self.geometries[geometry]
        if item["type"] == "Polygon":
            return [item["arcs"]]
        if item["type"] == "MultiPolygon":
            arcs: list[list[list[int]]] = item["arcs"]
            return arcs
        raise InputError(f"geometry {geometry} is a {item['type']}, not a polygon")

    def _ring(self, arcs: list[int]) -> Ring:
        # Consecutive arcs repeat the position at which they meet.
        parts = [self.arc(arcs[0])] + [self.arc(n)[1:] for n in arcs[1:]]
        return np.concatenate(parts)
