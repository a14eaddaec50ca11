"""What changed between two dates: an expression over both images on one grid, and its difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from comity.core import Epoch, InputError, Progress, silent
from comity.imagery.gdal import bounded_cache
from comity.imagery.grid import ImageGrid
from comity.imagery.processing.blocks import fingerprint, write_cog
from comity.imagery.processing.provenance import keep_apart
from comity.imagery.processing.raster import RasterLayout
from comity.imagery.reading.expression import Expression, Floats, expression_of
from comity.imagery.reading.grids import GridReader, area_mask, common_grid, touches
from comity.imagery.reading.source import Source, open_source

_BLOCK = 1024
#: Edges of the histogram that quantiles are read from: 4,096 steps between the least and the most.
_STEPS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What came of :func:`change`.

    ``out``: a GeoTIFF of three bands: before, after, change (after − before). ``seconds``: between the two
    dates, None where one is unknown. ``compared``: share of the area with a value at both. ``mean``,
    ``rms``, ``p5``, ``p50``, ``p95``: of the change. ``gained_km2``, ``lost_km2``: where it is at least
    ``threshold``, up and down; None without a threshold.
    """

    out: Path
    expression: str
    before: str
    after: str
    before_at: Epoch | None
    after_at: Epoch | None
    seconds: float | None
    epsg: int
    pixel_m: float
    width: int
    height: int
    compared: float
    compared_km2: float
    mean: float
    rms: float
    p5: float
    p50: float
    p95: float
    threshold: float | None
    gained_km2: float | None
    lost_km2: float | None


def change(
    before: Source | Path | str,
    after: Source | Path | str,
    out: Path,
    *,
    expression: str | Expression,
    area: BaseGeometry | None = None,
    pixel_m: float | None = None,
    threshold: float | None = None,
    clear_only: bool = False,
    workers: int | None = None,
    progress: Progress = silent,
) -> Change:
    """Compare two images: ``expression`` (or an index by name) of both on one grid, written block by block.

    The grid is the coarser image's (or UTM at ``pixel_m``), over ``area`` (lon, lat degrees) or what both
    show. Values are physical; what differs in atmosphere, light or the bands' widths stays in the difference.
    ``clear_only``: leave out what the Items' masks call cloud or its shadow. A run that was killed goes on.
    Raises :class:`InputError`: no ground in common, a band missing, nothing to compare.
    """
    maths = expression_of(expression) if isinstance(expression, str) else expression
    old, new = open_source(before), open_source(after)
    chosen = [source.resolve(None, maths)[0] for source in (old, new)]
    if threshold is not None and not threshold > 0.0:
        raise InputError(f"threshold {threshold:g}: give a change above 0")
    grid = common_grid((old, new), area, pixel=pixel_m)
    for source in (old, new):
        if not touches(source, grid):
            raise InputError(f"{source.path} does not show the area")
    readers = [
        GridReader(source, grid, bands, maths, clear_only=clear_only)
        for source, bands in zip((old, new), chosen, strict=True)
    ]

    def render(window: Window) -> Floats:
        first, second = (reader(window)[0] for reader in readers)
        outside = ~area_mask(grid, window)
        stack = np.stack([first, second, second - first])
        stack[:, outside] = np.nan
        return stack

    layout = RasterLayout(
        crs=CRS.from_epsg(grid.epsg),
        transform=Affine(*grid.transform),
        width=grid.width,
        height=grid.height,
        dtype="float32",
        bands=("before", "after", "change"),
        nodata=float("nan"),
    )
    files = [path for each in (old, new) for path in (each.path, each.item, each.mask) if path is not None]
    keep_apart(out, *files)
    with bounded_cache():
        write_cog(
            out,
            layout,
            render,
            recipe=fingerprint("change 1", files, maths.text, clear_only, grid.footprint.wkb, layout),
            block=_BLOCK,
            workers=workers,
            progress=progress,
            tags=_tags(old, new, maths),
        )
        return _told(out, old, new, maths, grid, threshold)


def _tags(old: Source, new: Source, maths: Expression) -> dict[str, str]:
    tags = {"COMITY_EXPRESSION": maths.text, "COMITY_BEFORE": old.id, "COMITY_AFTER": new.id}
    for name, source in (("BEFORE", old), ("AFTER", new)):
        if source.when is not None:
            tags[f"COMITY_{name}_AT"] = source.when.iso(0)
        if source.provenance.get("comity:simulated"):
            tags["SIMULATED"] = "YES"
    return tags


def _told(
    out: Path, old: Source, new: Source, maths: Expression, grid: ImageGrid, threshold: float | None
) -> Change:
    """The figures of a finished file: read from it, so that a run that went on after a kill has them too."""
    import rasterio

    km2 = (grid.pixel_m / 1000.0) ** 2
    with rasterio.open(out) as image:

        def blocks(visit: Callable[[Floats], None]) -> int:
            wanted = 0
            for row in range(0, image.height, _BLOCK):
                for col in range(0, image.width, _BLOCK):
                    window = Window(col, row, min(_BLOCK, image.width - col), min(_BLOCK, image.height - row))
                    values = image.read(3, window=window)
                    wanted += int(area_mask(grid, window).sum())
                    visit(values[np.isfinite(values)])
            return wanted

        sums, ends = np.zeros(5), [np.inf, -np.inf]

        def first(values: Floats) -> None:
            limit = np.inf if threshold is None else threshold
            double = values.astype(np.float64)
            beyond = (values >= limit).sum(), (values <= -limit).sum()
            sums[:] += (values.size, double.sum(), (double**2).sum(), *beyond)
            if values.size:
                ends[:] = [min(ends[0], float(values.min())), max(ends[1], float(values.max()))]

        wanted = blocks(first)
        if sums[0] == 0:
            raise InputError(
                f"{old.path} and {new.path} have no pixel of the area in common with values in both"
            )
        edges = np.linspace(ends[0], max(ends[1], ends[0] + 1e-9), _STEPS + 1)
        counts = np.zeros(_STEPS)

        def second(values: Floats) -> None:
            counts[:] += np.histogram(values, edges)[0]

        blocks(second)
    shares = np.cumsum(counts) / counts.sum()
    p5, p50, p95 = (float(np.interp(share, shares, edges[1:])) for share in (0.05, 0.5, 0.95))
    count = sums[0]
    return Change(
        out=out,
        expression=maths.text,
        before=old.id,
        after=new.id,
        before_at=old.when,
        after_at=new.when,
        seconds=None if old.when is None or new.when is None else new.when - old.when,
        epsg=grid.epsg,
        pixel_m=grid.pixel_m,
        width=grid.width,
        height=grid.height,
        compared=float(count / max(wanted, 1)),
        compared_km2=float(count * km2),
        mean=float(sums[1] / count),
        rms=float(np.sqrt(sums[2] / count)),
        p5=p5,
        p50=p50,
        p95=p95,
        threshold=threshold,
        gained_km2=None if threshold is None else float(sums[3] * km2),
        lost_km2=None if threshold is None else float(sums[4] * km2),
    )
