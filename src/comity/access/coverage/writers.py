"""Coverage as files: NetCDF-4, Zarr, GeoTIFF and PNG maps, each there whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from comity.access.coverage.dataset import FIGURES, coverage_dataset, values_of
from comity.access.coverage.result import Coverage
from comity.core import InputError, whole_path

FloatArray = NDArray[np.float64]

#: Suffix → what is written.
SUFFIXES = {".nc": "NetCDF-4", ".zarr": "Zarr", ".tif": "GeoTIFF", ".tiff": "GeoTIFF", ".png": "map"}


def check_output(path: Path, coverage_kind: str | None = None) -> None:
    """Refuse, before any work is done, an output that could not be written in the end.

    ``coverage_kind``: the grid's, where it is known. Raises :class:`InputError`: an unknown suffix, Zarr
    without its package, GeoTIFF of a grid without rows and columns, a folder in the file's place.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(SUFFIXES)
        raise InputError(f"{path} has no suffix that says what to write: use one of {known}")
    if kind == "Zarr":
        _zarr()
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file: a Zarr store is a folder")
        if path.is_dir() and any(path.iterdir()) and not (path / "zarr.json").exists():
            raise InputError(f"{path} is a folder that holds something other than a Zarr store")
    elif path.is_dir():
        raise InputError(f"{path} is a folder: name a file")
    if kind == "GeoTIFF" and coverage_kind not in (None, "lat-lon"):
        raise InputError(
            f"a GeoTIFF needs rows and columns, which a {coverage_kind} grid has not: use latlon"
        )


def write_netcdf(coverage: Coverage, path: Path, attributes: Mapping[str, str] | None = None) -> Path:
    """The dataset of :func:`coverage_dataset` as NetCDF-4. Raises :class:`InputError` when it cannot be."""
    dataset = coverage_dataset(coverage, attributes)
    with whole_path(path) as part:
        dataset.to_netcdf(part, engine="netcdf4", format="NETCDF4")
    return path


def write_zarr(coverage: Coverage, path: Path, attributes: Mapping[str, str] | None = None) -> Path:
    """The same as a Zarr store (format 3, consolidated metadata left out).

    Raises :class:`InputError` without the package ``zarr`` (extra ``zarr``).
    """
    _zarr()
    dataset = coverage_dataset(coverage, attributes)
    for variable in dataset.variables.values():
        for key in ("zlib", "complevel", "shuffle"):  # words of NetCDF; Zarr compresses by itself
            variable.encoding.pop(key, None)
    with whole_path(path) as part:
        dataset.to_zarr(part, mode="w", zarr_format=3, consolidated=False)
    return path


def _zarr() -> None:
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise InputError("writing Zarr needs the package zarr: pip install 'comity[zarr]'") from error


def write_geotiff(coverage: Coverage, path: Path, attributes: Mapping[str, str] | None = None) -> Path:
    """Every figure of a lat-lon grid as a band of one GeoTIFF (float64, WGS 84, nodata NaN).

    A band's description is the dataset's variable (``revisit_mean``, ``revisit_p95`` …), its unit the unit.
    Raises :class:`InputError` for a grid without rows and columns.
    """
    check_output(path, coverage.grid.kind)
    raster = coverage.grid.raster
    assert raster is not None
    import rasterio
    from rasterio.transform import Affine

    bands = _bands(coverage)
    dataset = coverage_dataset(coverage, attributes)
    profile = {
        "driver": "GTiff",
        "dtype": "float64",
        "count": len(bands),
        "width": raster.columns,
        "height": raster.rows,
        "crs": "EPSG:4326",
        "transform": Affine(
            (raster.east_deg - raster.west_deg) / raster.columns,
            0.0,
            raster.west_deg,
            0.0,
            (raster.south_deg - raster.north_deg) / raster.rows,
            raster.north_deg,
        ),
        "nodata": float("nan"),
        "compress": "deflate",
        "interleave": "band",
        "BIGTIFF": "IF_SAFER",
    }
    if raster.columns * raster.rows > 1_000_000:
        profile |= {"tiled": True, "blockxsize": 512, "blockysize": 512}
    tags = {key: str(value) for key, value in dataset.attrs.items() if key != "Conventions"}
    with whole_path(path) as part, rasterio.open(part, "w", **profile) as image:
        image.update_tags(**tags)
        for number, (name, long_name, units, values) in enumerate(bands, start=1):
            image.write(coverage.grid.on_raster(values), number)
            image.set_band_description(number, name)
            image.set_band_unit(number, units)
            image.update_tags(number, long_name=long_name)
    return path


def _bands(coverage: Coverage) -> list[tuple[str, str, str, FloatArray]]:
    found: list[tuple[str, str, str, FloatArray]] = []
    for figure in FIGURES:
        values = np.asarray(values_of(coverage, figure), dtype=np.float64)
        if not figure.percentile:
            found.append((figure.name, figure.long_name, figure.units, values))
            continue
        for column, percent in enumerate(coverage.options.percentiles):
            name = figure.name.replace("percentile", f"p{percent:g}")
            found.append((name, f"{figure.long_name}, {percent:g} %", figure.units, values[:, column]))
    return found


def write_coverage(
    coverage: Coverage,
    path: Path,
    attributes: Mapping[str, str] | None = None,
    *,
    figures: Sequence[str] = ("revisit_mean",),
) -> Path:
    """Write what the suffix of ``path`` asks for; ``figures``: those a map shows, one below the other.

    ``attributes``: global ones of the dataset (:func:`coverage_dataset`); ``title`` heads the map too.
    Raises :class:`InputError` as :func:`check_output`.
    """
    check_output(path, coverage.grid.kind)
    kind = SUFFIXES[path.suffix.lower()]
    if kind == "NetCDF-4":
        return write_netcdf(coverage, path, attributes)
    if kind == "Zarr":
        return write_zarr(coverage, path, attributes)
    if kind == "GeoTIFF":
        return write_geotiff(coverage, path, attributes)
    from comity.access.coverage.maps import write_map

    return write_map(coverage, path, (attributes or {}).get("title"), figures=figures)
