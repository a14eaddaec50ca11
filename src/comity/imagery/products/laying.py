"""An image resampled to the map and cut to an area, in one pass over its blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.transform import Affine
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

import comity
from comity.core import InputError, Progress
from comity.imagery.geometry.dem import Dem
from comity.imagery.geometry.images import SensorImage, open_image
from comity.imagery.grid import inside
from comity.imagery.processing.blocks import fingerprint, write_cog
from comity.imagery.processing.mapgrid import ortho_layout
from comity.imagery.processing.ortho import orthorectifier, out_nodata
from comity.imagery.products.facts import SceneFacts
from comity.imagery.products.inputs import ProductInputs

_RESAMPLING = "cubic"
_KEPT_TAGS = ("COMITY_QUANTITY", "TIFFTAG_COPYRIGHT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """What laying an image on the map told."""

    resampling: str
    notes: tuple[str, ...]


def lay_on_map(
    inputs: ProductInputs,
    sharpened: Path,
    out: Path,
    area: BaseGeometry,
    crs: str | None,
    pixel_m: float | None,
    facts: SceneFacts,
    workers: int | None,
    progress: Progress,
) -> Laid:
    """Resample to the map and cut to the area in one pass over the blocks."""
    image = open_image(sharpened)
    bounds, there = _bounds(area, image, inputs.dem, crs)
    layout = replace(
        ortho_layout(image, inputs.dem, crs=crs, res=pixel_m, bounds=bounds), nodata=out_nodata(image)
    )
    fine = shapely.segmentize(area, max(*np.ptp(np.reshape(area.bounds, (2, 2)), axis=0) / 64, 1e-7))
    cut = shapely.transform(fine, lambda p: np.column_stack(there.transform(p[:, 0], p[:, 1])))
    shapely.prepare(cut)
    tags: dict[str, str] = {
        "COMITY_LEVEL": "L1C",
        "COMITY_GEOMETRY": inputs.pan.geometry,
        "COMITY_RELIEF": inputs.dem.name,
        "COMITY_RESAMPLING": _RESAMPLING,
        **({"SIMULATED": "YES"} if facts.simulated else {}),
        **{key: inputs.xs.tags[key] for key in _KEPT_TAGS if key in inputs.xs.tags},
    }
    if facts.start is not None:
        tags["TIFFTAG_SOFTWARE"] = f"comity {comity.__version__}"
        tags["TIFFTAG_DATETIME"] = facts.start.datetime.strftime("%Y:%m:%d %H:%M:%S")
        tags["COMITY_START"] = facts.start.iso(9)
    recipe = fingerprint("laid 1", sharpened, inputs.dem.path, inputs.dem.name, layout, cut.wkt)
    with orthorectifier(image, inputs.dem, layout, _RESAMPLING) as ortho:

        def render(window: Window) -> NDArray[Any]:
            a, _, c, _, e, f = layout.transform[:6]  # north up
            west, north = c + a * window.col_off, f + e * window.row_off
            box = shapely.box(west, north + e * window.height, west + a * window.width, north)
            if not cut.intersects(box):
                return np.full((len(layout.bands), window.height, window.width), layout.nodata, layout.dtype)
            pixels = ortho.render(window)
            if not cut.contains(box):
                at = Affine(a, 0.0, west, 0.0, e, north)
                pixels[:, ~inside(cut, window.height, window.width, at)] = layout.nodata
            return pixels

        write_cog(out, layout, render, recipe=recipe, workers=workers, progress=progress, tags=tags)
        low, high = image.model.heights_m
        least, most = ortho.heights_m
    notes = []
    if least < low or most > high:
        notes.append(
            f"Heights of {least:.0f} … {most:.0f} m leave those the image's model was made for "
            f"({low:.0f} … {high:.0f} m)."
        )
    return Laid(resampling=_RESAMPLING, notes=tuple(notes))


def _bounds(
    area: BaseGeometry, image: SensorImage, dem: Dem, crs: str | None
) -> tuple[tuple[float, float, float, float], Transformer]:
    """The rectangle about an area on the map, and the way there."""
    grid = ortho_layout(image, dem, crs=crs)
    there = Transformer.from_crs("OGC:CRS84", grid.crs.to_wkt(), always_xy=True)
    fine = shapely.segmentize(area, max(*np.ptp(np.reshape(area.bounds, (2, 2)), axis=0) / 64, 1e-7))
    points = shapely.get_coordinates(fine)
    x, y = (np.asarray(one) for one in there.transform(points[:, 0], points[:, 1]))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError(f"the area reaches beyond what {grid.crs.to_string()} can show")
    return (float(x.min()), float(y.min()), float(x.max()), float(y.max())), there
