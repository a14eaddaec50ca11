"""Coverage as an :class:`xarray.Dataset` with CF metadata (CF Conventions 1.11).

Units are those of the computation (s, m², degrees), spelt ``s`` so that readers leave durations as numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from comity import __version__
from comity.access.coverage.result import Coverage
from comity.access.coverage.summary import FRACTIONS
from comity.core import Epoch
from comity.orbits.geodesy import EQUATORIAL_RADIUS_M, FLATTENING

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[Any]

CONVENTIONS = "CF-1.11"
#: Instants of the cumulative coverage, the interval's two ends included.
CUMULATIVE_STEPS = 241

_REFERENCES = (
    "Wertz & Larson, Space Mission Analysis and Design, 3rd ed., section 7.2 (coverage figures of merit); "
    "Vallado et al., AIAA 2006-6753 (SGP4, TEME)"
)
_GAPS = "whole gaps between accesses, those that the interval cuts left out"
_WAIT = "wait for the next access, from the interval's start to the end of the cell's last access"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure per cell: the dataset's variable, its long name, unit and CF cell method over time.

    ``percentile``: the variable has that dimension too.
    """

    name: str
    long_name: str
    units: str
    method: str
    percentile: bool = False


FIGURES = (
    Figure(name="looks", long_name="number of looks of all spacecraft", units="1", method="sum"),
    Figure(
        name="accesses",
        long_name="number of accesses, overlapping looks merged",
        units="1",
        method="sum",
    ),
    Figure(name="covered", long_name="total time of access", units="s", method="sum"),
    Figure(
        name="first_access",
        long_name="time from the interval's start to the first access",
        units="s",
        method="minimum",
    ),
    Figure(name="revisit_mean", long_name="mean revisit time", units="s", method=f"mean (comment: {_GAPS})"),
    Figure(
        name="revisit_median",
        long_name="median revisit time",
        units="s",
        method=f"median (comment: {_GAPS})",
    ),
    Figure(
        name="revisit_max",
        long_name="longest revisit time",
        units="s",
        method=f"maximum (comment: {_GAPS})",
    ),
    Figure(
        name="revisit_percentile",
        long_name="percentile of revisit time",
        units="s",
        method=f"point (comment: percentile over {_GAPS})",
        percentile=True,
    ),
    Figure(
        name="response_mean", long_name="mean response time", units="s", method=f"mean (comment: {_WAIT})"
    ),
    Figure(
        name="response_max",
        long_name="longest response time",
        units="s",
        method=f"maximum (comment: {_WAIT})",
    ),
    Figure(
        name="response_percentile",
        long_name="percentile of response time",
        units="s",
        method=f"point (comment: percentile over the {_WAIT})",
        percentile=True,
    ),
    Figure(
        name="longest_gap",
        long_name="longest time without access, gaps that the interval cuts included",
        units="s",
        method="maximum",
    ),
)


def values_of(coverage: Coverage, figure: Figure) -> Array:
    """A figure's values (n,), or (n, p) where it has percentiles."""
    suffix = "" if figure.units == "1" else "_s"
    name = {"first_access": "first", "revisit_percentile": "revisit_percentiles"}.get(figure.name)
    name = name or {"response_percentile": "response_percentiles"}.get(figure.name, figure.name)
    values: Array = getattr(coverage, name + suffix)
    return values


def coverage_dataset(coverage: Coverage, attributes: Mapping[str, str] | None = None) -> xr.Dataset:
    """The figures of a coverage run as a CF dataset.

    A lat-lon grid gives variables (lat, lon), rows from north to south, NaN where the region has no cell;
    any other grid gives (cell,) with ``lon`` and ``lat`` as coordinates of the cells. Further dimensions:
    ``percentile``, ``start_time`` (of ``wait`` and ``time_to_cover``), ``elapsed`` (of
    ``cumulative_fraction``), ``spacecraft``. ``attributes``: global ones to add (``history``: none is
    made up, so that equal runs give equal files) or to put in place of ours (``title``).
    """
    import xarray as xr

    grid = coverage.grid
    layout = _Layout(coverage)
    variables: dict[str, Any] = {}
    for figure in FIGURES:
        extra = ("percentile",) if figure.percentile else ()
        variables[figure.name] = layout.variable(values_of(coverage, figure), _attributes(figure), extra)
    area = {"standard_name": "cell_area", "long_name": "surface of the cell inside the region", "units": "m2"}
    if grid.kind == "points":
        area = {"long_name": "weight of the point", "units": "1"}
    variables["cell_area"] = layout.variable(grid.area_m2, area)
    coordinates = layout.coordinates() | _times(coverage.interval.start, coverage.interval.duration_s)
    coordinates["percentile"] = (
        "percentile",
        np.asarray(coverage.options.percentiles, dtype=np.float64),
        {"long_name": "percentile", "units": "percent"},
    )
    coordinates |= _spacecraft(coverage)
    if len(coverage.starts_s):
        coordinates["start_time"] = (
            "start_time",
            _instants(coverage.interval.start, coverage.starts_s),
            {"long_name": "instant from which waits are counted"},
            _time_encoding(coverage.interval.start),
        )
        wait = {
            "long_name": "wait from the start time to the next moment of access",
            "units": "s",
            "cell_methods": "area: point",
        }
        variables["wait"] = layout.variable(coverage.wait_s, wait, ("start_time",))
    variables |= _over_time(coverage)
    if layout.crs:
        variables["crs"] = layout.crs
    dataset = xr.Dataset(variables, coordinates, _globals(coverage) | dict(attributes or {}))
    # bounds are part of their coordinate, not data of their own (CF 7.1)
    return dataset.set_coords([name for name in ("lat_bnds", "lon_bnds", "time_bnds") if name in dataset])


def _attributes(figure: Figure) -> dict[str, str]:
    return {
        "long_name": figure.long_name,
        "units": figure.units,
        "cell_methods": f"time: {figure.method} area: point",
    }


class _Layout:
    """How the cells of a grid lie in a dataset."""

    def __init__(self, coverage: Coverage) -> None:
        self.grid = coverage.grid
        self.crs: Any = None
        if self.grid.raster is not None:
            self.crs = (
                (),
                np.int32(0),
                {
                    "grid_mapping_name": "latitude_longitude",
                    "long_name": "WGS 84, geodetic",
                    "semi_major_axis": EQUATORIAL_RADIUS_M,
                    "inverse_flattening": 1.0 / FLATTENING,
                    "longitude_of_prime_meridian": 0.0,
                },
            )

    def variable(self, values: Array, attributes: Mapping[str, str], extra: tuple[str, ...] = ()) -> Any:
        """A data variable: (dimensions, values, attributes, encoding); ``extra`` dimensions come first."""
        whole = values.dtype.kind == "i"
        encoding: dict[str, Any] = {"zlib": True, "complevel": 4, "shuffle": True}
        attributes = dict(attributes)
        if self.grid.kind != "points" and attributes.get("standard_name") != "cell_area":
            attributes["cell_measures"] = "area: cell_area"
        if self.grid.raster is None:
            dims: tuple[str, ...] = ("cell",)
            laid = np.moveaxis(values, -1, 0) if extra else values
            if whole:
                encoding["_FillValue"] = None
        else:
            dims = ("lat", "lon")
            attributes["grid_mapping"] = "crs"
            columns = values.reshape(len(values), -1).astype(np.float64)
            laid = np.stack([self.grid.on_raster(column) for column in columns.T])
            laid = laid if extra else laid[0]
            if whole:
                encoding |= {"dtype": "int32", "_FillValue": np.int32(-1)}
        return (*extra, *dims), np.ascontiguousarray(laid), attributes, encoding

    def coordinates(self) -> dict[str, Any]:
        """Longitudes and latitudes of the cells, with bounds where the cells are rectangles."""
        lat = {"standard_name": "latitude", "long_name": "geodetic latitude", "units": "degrees_north"}
        lon = {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east"}
        plain = {"_FillValue": None}
        grid, raster = self.grid, self.grid.raster
        if raster is None:
            found: dict[str, Any] = {
                "lat": ("cell", grid.lat_deg, lat, plain),
                "lon": ("cell", grid.lon_deg, lon, plain),
            }
            if grid.pixel is not None:
                about: dict[str, Any] = {
                    "long_name": "HEALPix pixel number",
                    "units": "1",
                    "healpix_nside": np.int32(grid.nside or 0),
                    "healpix_order": "ring",
                    "comment": "HEALPix latitudes are taken as authalic latitudes of WGS 84",
                }
                found["pixel"] = ("cell", grid.pixel, about)
            if grid.labels:
                found["label"] = ("cell", np.array(grid.labels, dtype=object), {"long_name": "name"})
            return found
        height = (raster.north_deg - raster.south_deg) / raster.rows
        width = (raster.east_deg - raster.west_deg) / raster.columns
        north = raster.north_deg - np.arange(raster.rows) * height
        west = raster.west_deg + np.arange(raster.columns) * width
        found = {
            "lat": ("lat", raster.lat_deg, lat | {"axis": "Y", "bounds": "lat_bnds"}, plain),
            "lon": ("lon", raster.lon_deg, lon | {"axis": "X", "bounds": "lon_bnds"}, plain),
            "lat_bnds": (("lat", "bnds"), np.column_stack([north, north - height]), {}, plain),
            "lon_bnds": (("lon", "bnds"), np.column_stack([west, west + width]), {}, plain),
        }
        # where a border cuts a cell its point is inside the region, not at the cell's centre
        centre_lon, centre_lat = np.meshgrid(raster.lon_deg, raster.lat_deg)
        mask = grid.raster_mask
        turned = (grid.lon_deg - centre_lon[mask] + 180.0) % 360.0 - 180.0
        if np.any(np.abs(turned) > 1e-9) or np.any(np.abs(grid.lat_deg - centre_lat[mask]) > 1e-9):
            for name, values, units in (
                ("latitude", grid.lat_deg, "degrees_north"),
                ("longitude", grid.lon_deg, "degrees_east"),
            ):
                words = {"long_name": f"{name} of the cell's point, inside the region", "units": units}
                found[f"point_{name[:3]}"] = (("lat", "lon"), grid.on_raster(values), words)
        return found


def _times(start: Epoch, duration_s: float) -> dict[str, Any]:
    """The interval: its middle, with its ends as bounds."""
    ends = _instants(start, np.array([0.0, duration_s]))
    encoding = _time_encoding(start)
    return {
        "time": (
            (),
            _instants(start, np.array([duration_s / 2.0]))[0],
            {"standard_name": "time", "long_name": "interval of the figures", "bounds": "time_bnds"},
            encoding,
        ),
        "time_bnds": ("bnds", ends, {}, encoding),
    }


def _instants(start: Epoch, seconds: Array) -> Array:
    """``start + seconds`` as UTC datetime64[ns]."""
    return np.array([(start + float(s)).utc_unix_ns for s in seconds], dtype="datetime64[ns]")


def _time_encoding(start: Epoch) -> dict[str, Any]:
    # whole nanoseconds from a whole second: what is written is read back to the bit
    since = start.iso(0).replace("T", " ").removesuffix("Z")
    return {
        "units": f"nanoseconds since {since}",
        "calendar": "proleptic_gregorian",
        "dtype": "int64",
        "_FillValue": None,
    }


def _spacecraft(coverage: Coverage) -> dict[str, Any]:
    def words(values: list[str]) -> Array:
        return np.array(values, dtype=object)

    elements = coverage.elements
    return {
        "spacecraft": (
            "spacecraft",
            words(list(coverage.spacecraft)),
            {"long_name": "name of the spacecraft"},
        ),
        "norad_id": (
            "spacecraft",
            np.array([one.norad_id for one in elements], dtype=np.int64),
            {"long_name": "catalogue number"},
        ),
        "elements_source": (
            "spacecraft",
            words([one.source for one in elements]),
            {"long_name": "where its elements come from"},
        ),
        "elements_epoch": (
            "spacecraft",
            words([one.epoch.iso() for one in elements]),
            {"long_name": "epoch of its elements, UTC"},
        ),
        "sensor": (
            "spacecraft",
            words([str(one) for one in coverage.sensors[: len(elements)]]),
            {"long_name": "what it can see"},
        ),
    }


def _over_time(coverage: Coverage) -> dict[str, Any]:
    """Cumulative coverage, and the time it takes to reach parts of the area."""
    elapsed = np.linspace(0.0, coverage.interval.duration_s, CUMULATIVE_STEPS)
    found: dict[str, Any] = {
        "elapsed": ("elapsed", elapsed, {"long_name": "time since the interval's start", "units": "s"}),
        "cumulative_fraction": (
            "elapsed",
            coverage.cumulative_fraction(elapsed),
            {"long_name": "fraction of the area seen at least once", "units": "1"},
        ),
    }
    if len(coverage.starts_s):
        found["cover_fraction"] = (
            "cover_fraction",
            np.array(FRACTIONS),
            {"long_name": "fraction of the area to cover", "units": "1"},
        )
        found["time_to_cover"] = (
            ("cover_fraction", "start_time"),
            np.stack([coverage.time_to_cover_s(fraction) for fraction in FRACTIONS]),
            {
                "long_name": "time from the start time until that fraction has been seen at least once",
                "units": "s",
                "comment": "missing where the interval ends before",
            },
        )
    return found


def _globals(coverage: Coverage) -> dict[str, Any]:
    options, interval = coverage.options, coverage.interval
    sensors = sorted({str(sensor) for sensor in coverage.sensors})
    found: dict[str, Any] = {
        "Conventions": CONVENTIONS,
        "title": f"Coverage of {coverage.grid.name} by {len(coverage.spacecraft)} spacecraft",
        "source": f"Comity {__version__}: {coverage.model}",
        "references": _REFERENCES,
        "comment": "Computed from orbits, not observed. Revisit figures count whole gaps only; response "
        "figures every instant from the start to the end of the last access; a cell never seen has none.",
        "comity_version": __version__,
        "comity_simulated": "true",
        "time_coverage_start": interval.start.iso(9),
        "time_coverage_end": interval.end.iso(9),
        "duration_s": interval.duration_s,
        "grid": f"{coverage.grid.kind}, {len(coverage.grid):,} cells, {coverage.grid.name}",
        "sensor": "; ".join(sensors),
        "min_duration_s": options.min_duration_s,
    }
    if options.min_sun_elevation_deg is not None:
        found["min_sun_elevation_deg"] = options.min_sun_elevation_deg
    if options.max_sun_elevation_deg is not None:
        found["max_sun_elevation_deg"] = options.max_sun_elevation_deg
    if coverage.lost:
        found["left_out"] = "; ".join(f"{one.name} ({one.norad_id}): {one.reason}" for one in coverage.lost)
    return found
