"""Points of the land, evenly by area, at which published revisit times are checked.

    python tests/validation/make_land_points.py    # writes src/comity/access/data/land-points.csv.gz

Centres of equal-area cells of about 400 km between 82.5° S and 82.5° N that lie on land by Comity's own
outlines (Natural Earth); kept as a table because the outlines of the whole world take seconds to assemble.
"""

from __future__ import annotations

import shapely
from reference_tables import ACCESS, write_table

from comity.access.coverage import equal_area_grid
from comity.fleet.territories import land_in


def main():
    grid = equal_area_grid(400e3)
    land = land_in(-180.0, -90.0, 180.0, 90.0)
    shapely.prepare(land)
    kept = shapely.contains_xy(land, grid.lon_deg, grid.lat_deg) & (abs(grid.lat_deg) < 82.5)
    rows = [(f"{a:.4f}", f"{b:.4f}") for a, b in zip(grid.lon_deg[kept], grid.lat_deg[kept], strict=True)]
    about = {"program": "Comity", "source": "Natural Earth 4.1.0, 1:10m Admin 0 countries, public domain"}
    write_table(ACCESS / "land-points.csv.gz", about, ["lon_deg", "lat_deg"], rows)


if __name__ == "__main__":
    main()
