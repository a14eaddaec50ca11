"""A time series over an area: images of any dates, sensors and UTM zones as one lazy xarray dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from comity import __version__
from comity.core import Epoch, InputError, Progress, silent, whole_path
from comity.imagery.gdal import bounded_cache
from comity.imagery.grid import ImageGrid
from comity.imagery.reading.expression import Expression, Floats, expression_of, is_name
from comity.imagery.reading.grids import GridReader, area_mask, common_grid, touches
from comity.imagery.reading.source import Source, open_source

if TYPE_CHECKING:
    import xarray as xr

_BLOCK = 1024
#: What each image tells of itself: coordinate along time ← property of its Item.
_TOLD = {"platform": "platform", "cloud_cover": "eo:cloud_cover", "level": "processing:level",
         "checksum": "file:checksum"}  # fmt: skip


def series(
    items: Sequence[Source | Path | str],
    area: BaseGeometry,
    *,
    bands: Sequence[str] | None = None,
    expressions: Mapping[str, str] | Sequence[str] | None = None,
    pixel_m: float | None = None,
    clear_only: bool = False,
) -> xr.Dataset:
    """Images over ``area`` (lon, lat degrees) as (time, y, x) float32 variables, in order of time.

    A variable for each of ``bands``, or for each of ``expressions`` (name → band maths, or names of
    indices); without either, the bands that all images have. Values are physical, NaN outside the area and
    where an image has none, or (``clear_only``) its mask has a cloud or shadow. The grid is the coarsest
    image's, or UTM at ``pixel_m``.

    Nothing is read before it is looked at: a slice reads its window of its images only, so that memory holds
    what is asked for; ``.chunk(...)`` makes Dask arrays of it. Coordinates along time name each image's id,
    file, platform, cloud cover and checksum; attributes tell the expression and what was left out.
    Raises :class:`InputError`: no image shows the area, one has no date or lacks a band.
    """
    import xarray as xr

    sources = [open_source(one) for one in items]
    if not sources:
        raise InputError("a series needs images: none was named")
    dated: list[tuple[Epoch, Source]] = []
    for source in sources:
        if source.when is None:
            raise InputError(f"{source.path} has no date: give its STAC Item, or set TIFFTAG_DATETIME")
        dated.append((source.when, source))
    dated.sort(key=lambda pair: (pair[0], pair[1].id))
    wanted = _wanted(sources, bands, expressions)
    grid = common_grid(sources, area, pixel=pixel_m)
    shown = [(when, source) for when, source in dated if touches(source, grid)]
    left_out = [source.id for _, source in dated if source not in [one for _, one in shown]]
    if not shown:
        raise InputError(f"none of the {len(sources)} images shows the area")
    dimensions = ("time", "y", "x")
    variables: dict[str, Any] = {}
    for name, (maths, text) in wanted.items():
        readers = tuple(
            GridReader(source, grid, *_resolved(source, maths, text), clear_only=clear_only)
            for _, source in shown
        )
        attributes = {"long_name": text, "grid_mapping": "spatial_ref", "coverage_content_type": "image"}
        if maths is None:
            attributes["units"] = _unit([source for _, source in shown], text)
        variables[name] = xr.Variable(dimensions, _lazy(readers, grid), attributes)
    return xr.Dataset(
        variables,
        coords=_coordinates(grid, shown),
        attrs={
            "Conventions": "CF-1.11",
            "title": f"{', '.join(wanted)} over {len(shown)} images",
            "source": "; ".join(source.path.name for _, source in shown),
            "history": f"comity {__version__} series",
            "expressions": "; ".join(f"{name} = {text}" for name, (_, text) in wanted.items()),
            "pixel_m": grid.pixel_m,
            "area_m2": float(grid.footprint.area),
            "left_out": ", ".join(left_out),
            "clear_only": int(clear_only),
            "simulated": int(any(source.provenance.get("comity:simulated") for _, source in shown)),
        },
    )  # fmt: skip


def _wanted(
    sources: Sequence[Source],
    bands: Sequence[str] | None,
    expressions: Mapping[str, str] | Sequence[str] | None,
) -> dict[str, tuple[Expression | None, str]]:
    if bands is not None and expressions is not None:
        raise InputError("give bands or expressions, not both")
    if expressions is not None:
        pairs = expressions.items() if isinstance(expressions, Mapping) else [(e, e) for e in expressions]
        made: dict[str, tuple[Expression | None, str]] = {}
        for number, (name, text) in enumerate(pairs, 1):
            maths = expression_of(text)
            made[name if is_name(name) else f"value{number}"] = (maths, maths.text)
        if not made:
            raise InputError("a series needs a band or an expression")
        return made
    if bands is None:
        common = [
            one.names[0]
            for one in sources[0].bands
            if all(any(one.names[0] in other.names for other in source.bands) for source in sources)
        ]
        if not common:
            raise InputError("the images have no band of the same name: name bands or an expression")
        bands = common
    return {name if is_name(name) else f"band_{name}": (None, name) for name in bands}


def _resolved(source: Source, maths: Expression | None, text: str) -> tuple[Any, ...]:
    return source.resolve([text], None) if maths is None else source.resolve(None, maths)


def _unit(sources: Sequence[Source], name: str) -> str:
    units = {source.band(name).unit for source in sources}
    if len(units) > 1:
        shown = ", ".join(sorted(repr(unit) for unit in units))
        raise InputError(f"band {name!r} has several units ({shown}): its values cannot be compared")
    return units.pop() or "1"


def _coordinates(grid: ImageGrid, shown: Sequence[tuple[Epoch, Source]]) -> dict[str, Any]:
    half = grid.pixel_m / 2.0
    times = np.array([when.datetime.replace(tzinfo=None) for when, _ in shown], "datetime64[ns]")
    projected = "projection_{}_coordinate"
    coordinates: dict[str, Any] = {
        "time": ("time", times, {"long_name": "middle of the acquisition, UTC", "axis": "T"}),
        "y": ("y", grid.north - half - grid.pixel_m * np.arange(grid.height),
              {"standard_name": projected.format("y"), "units": "m", "axis": "Y"}),
        "x": ("x", grid.west + half + grid.pixel_m * np.arange(grid.width),
              {"standard_name": projected.format("x"), "units": "m", "axis": "X"}),
        "item": ("time", np.array([source.id for _, source in shown], object), {"long_name": "STAC Item"}),
        "file": ("time", np.array([source.path.name for _, source in shown], object), {}),
        "spatial_ref": ((), np.int32(0), {
            **CRS.from_epsg(grid.epsg).to_cf(),
            "GeoTransform": " ".join(f"{v:.15g}" for v in (
                grid.west, grid.pixel_m, 0.0, grid.north, 0.0, -grid.pixel_m)),
        }),
    }  # fmt: skip
    for name, key in _TOLD.items():
        values = [source.provenance.get(key) for _, source in shown]
        if any(value is not None for value in values):
            if all(isinstance(value, int | float) or value is None for value in values):
                column: Any = np.array([np.nan if value is None else value for value in values], float)
            else:
                column = np.array(["" if value is None else str(value) for value in values], object)
            coordinates[name] = ("time", column, {"units": "%"} if name == "cloud_cover" else {})
    return coordinates


def _lazy(readers: tuple[GridReader, ...], grid: ImageGrid) -> Any:
    """An array (time, y, x) that is read when it is indexed, for an xarray variable."""
    from xarray.backends import BackendArray
    from xarray.core import indexing

    class Stack(BackendArray):
        def __init__(self) -> None:
            self.shape = (len(readers), grid.height, grid.width)
            self.dtype = np.dtype(np.float32)

        def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
            return indexing.explicit_indexing_adapter(
                key, self.shape, indexing.IndexingSupport.BASIC, self._read
            )

        def _read(self, key: tuple[int | slice, ...]) -> NDArray[np.float32]:
            return read_stack(readers, grid, key)

    return indexing.LazilyIndexedArray(Stack())


def read_stack(
    readers: Sequence[GridReader], grid: ImageGrid, key: tuple[int | slice, ...]
) -> NDArray[np.float32]:
    """The part of (time, y, x) that a basic index asks for: only its window of its images is read."""
    times, rows, cols = (
        range(size)[part] if isinstance(part, slice) else range(part % size, part % size + 1)
        for part, size in zip(key, (len(readers), grid.height, grid.width), strict=True)
    )
    values = np.full((len(times), len(rows), len(cols)), np.nan, np.float32)
    if values.size:
        top, left = min(rows), min(cols)
        window = Window(left, top, max(cols) - left + 1, max(rows) - top + 1)
        within = area_mask(grid, window)
        picked = np.ix_([row - top for row in rows], [col - left for col in cols])
        for place, time in enumerate(times):
            seen = readers[time](window)[0]
            values[place] = np.where(within, seen, np.float32(np.nan))[picked]
    squeezed = tuple(0 if not isinstance(part, slice) else slice(None) for part in key)
    return values[squeezed]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoint:
    """One image's figures of one variable over the area; ``valid``: share of the area with a value."""

    time: Epoch
    item: str
    name: str
    valid: float
    mean: float | None
    std: float | None
    min: float | None
    max: float | None


def summarise_series(dataset: xr.Dataset, *, progress: Progress = silent) -> tuple[SeriesPoint, ...]:
    """Each variable's figures at each time, read in blocks: memory holds one block of one image."""
    points = []
    names = [str(name) for name in dataset.data_vars]
    within = max(1.0, dataset.attrs["area_m2"] / dataset.attrs["pixel_m"] ** 2)
    steps = len(names) * int(dataset.sizes["time"])
    for number, (name, time) in enumerate((n, t) for n in names for t in range(dataset.sizes["time"])):
        progress(number, steps, name)
        count, total, squares, least, most = 0, 0.0, 0.0, np.inf, -np.inf
        for _, _, values in _blocks(dataset, name, time):
            valid = values[np.isfinite(values)].astype(np.float64)
            if valid.size:
                count += valid.size
                total += float(valid.sum())
                squares += float((valid**2).sum())
                least, most = min(least, float(valid.min())), max(most, float(valid.max()))
        mean = total / count if count else None
        points.append(
            SeriesPoint(
                time=Epoch.from_iso(f"{np.datetime_as_string(dataset['time'].values[time], 'us')}Z"),
                item=str(dataset["item"].values[time]),
                name=name,
                valid=min(1.0, count / within),
                mean=mean,
                std=None if mean is None else float(np.sqrt(max(squares / count - mean * mean, 0.0))),
                min=least if count else None,
                max=most if count else None,
            )
        )
    progress(steps, steps, "done")
    return tuple(points)


def _blocks(dataset: xr.Dataset, name: str, time: int) -> Iterator[tuple[int, int, Floats]]:
    for row in range(0, dataset.sizes["y"], _BLOCK):
        for col in range(0, dataset.sizes["x"], _BLOCK):
            part = dataset[name].isel(time=time, y=slice(row, row + _BLOCK), x=slice(col, col + _BLOCK))
            with bounded_cache():
                values = np.asarray(part.values, np.float32)
            yield row, col, values


def write_series(dataset: xr.Dataset, path: Path, *, progress: Progress = silent) -> Path:
    """Write a series as CF NetCDF, block by block; the file appears whole or not at all.

    Raises :class:`InputError` naming the file when it cannot be written.
    """
    import netCDF4

    if path.suffix.lower() != ".nc":
        raise InputError(f"{path}: a series is written as .nc")
    names = [str(name) for name in dataset.data_vars]
    steps = len(names) * int(dataset.sizes["time"])
    try:
        with whole_path(path) as part:
            bare = dataset.drop_vars(names)
            bare.to_netcdf(part, engine="netcdf4", encoding={
                "time": {"units": "microseconds since 1970-01-01", "dtype": "int64"}})  # fmt: skip
            with netCDF4.Dataset(part, "a") as file:
                for name in names:
                    variable = file.createVariable(
                        name, "f4", ("time", "y", "x"), zlib=True, complevel=1, fill_value=np.nan,
                        chunksizes=(1, min(512, dataset.sizes["y"]), min(512, dataset.sizes["x"])),
                    )  # fmt: skip
                    variable.setncatts(dict(dataset[name].attrs))
                    extra = [
                        str(c) for c in dataset[name].coords if c not in ("time", "y", "x", "spatial_ref")
                    ]
                    variable.coordinates = " ".join(sorted(extra))
                for number, (name, time) in enumerate(
                    (n, t) for n in names for t in range(dataset.sizes["time"])
                ):
                    progress(number, steps, name)
                    for row, col, values in _blocks(dataset, name, time):
                        file[name][time, row : row + values.shape[0], col : col + values.shape[1]] = values
    except RuntimeError as error:  # the netCDF library's word for a full disk, among others
        raise InputError(f"cannot write {path}: {error} (is the disk full?)") from error
    progress(steps, steps, "written")
    return path
