"""Drawing the land of the world map, once: ``python -m comity.server.report.world_land``.

Thinning half a million positions takes seconds, so the outcome is kept in ``data/world-land.path``. Its
source is Natural Earth 1:10m (public domain), as in :mod:`comity.fleet.territories`.
"""

from __future__ import annotations

from pathlib import Path

import shapely
from shapely.geometry import MultiPolygon

from comity.core import write_text
from comity.fleet import territories
from comity.server.report.projection import dense, world_canvas

#: Outlines of the world are thinned until what goes is about this (degrees) in size: a pixel of the map.
WORLD_TOLERANCE_DEG = 0.3
#: Pieces of land smaller than this (square degrees) are not drawn on the world map.
WORLD_ISLET_DEG2 = 0.02


def draw_world_land() -> str:
    """SVG path data of all territories in :func:`world_canvas`.

    Neighbours keep one common line; islets that would not show are left out, but never the largest piece
    of a territory.
    """
    whole = []
    for id in territories.territory_ids():
        parts = sorted(territories.territory(id).geometry.geoms, key=lambda part: -part.area)
        whole.append(MultiPolygon([parts[0], *(part for part in parts[1:] if part.area > WORLD_ISLET_DEG2)]))
    canvas = world_canvas()
    return "".join(canvas.path(dense(each)) for each in shapely.coverage_simplify(whole, WORLD_TOLERANCE_DEG))


if __name__ == "__main__":
    write_text(Path(__file__).with_name("data") / "world-land.path", draw_world_land())
