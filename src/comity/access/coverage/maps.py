"""Maps of coverage as PNG: the figure in colour over coasts and borders (matplotlib, no display needed)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from comity.access.coverage.dataset import FIGURES, Figure, values_of
from comity.access.coverage.outlines import lines_in
from comity.access.coverage.result import Coverage
from comity.core import InputError, whole_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

#: Even steps of brightness, told apart by people who see red and green alike, and without a grey.
COLOURS = "viridis"
#: The brightest colour stands for this percentile and above where a few cells lie far beyond it.
_TOP_PERCENT = 99.5
_NEVER = "#c9c9c9"
_ALWAYS = "#f2c4d0"
_SEA = "#f4f4f2"
#: A picture of cells without rows and columns has this many pixels along its longer side.
_PIXELS = 900
_MARGIN = 0.08


def map_figures(coverage_percentiles: Sequence[float]) -> tuple[str, ...]:
    """Names a map can be asked for: the dataset's variables, ``revisit_p95`` for a percentile of it."""
    names: list[str] = []
    for figure in FIGURES:
        if figure.percentile:
            names += [figure.name.replace("percentile", f"p{percent:g}") for percent in coverage_percentiles]
        else:
            names.append(figure.name)
    return tuple(names)


def write_map(
    coverage: Coverage, path: Path, title: str | None = None, *, figures: Sequence[str] = ("revisit_mean",)
) -> Path:
    """One map per figure, one below the other, as PNG.

    Durations are shown in seconds, minutes, hours or days, whichever suits. Cells that have no figure are
    grey (never seen, or seen once) or pink (always in view). ``figures``: names of :func:`map_figures`.
    Raises :class:`InputError` for others.
    """
    known = map_figures(coverage.options.percentiles)
    for name in figures:
        if name not in known:
            raise InputError(f"there is no figure {name!r} to draw: use {', '.join(known)}")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Page

    bounds = _bounds(coverage)
    stretch = 1.0 / math.cos(math.radians((bounds[1] + bounds[3]) / 2.0))
    ratio = (bounds[3] - bounds[1]) * min(stretch, 3.0) / (bounds[2] - bounds[0])
    width = 10.0 if ratio < 0.9 else 7.0
    height = width * 0.86 * ratio
    page = Page(figsize=(width, (height + 0.35) * len(figures) + 0.9), layout="constrained")
    FigureCanvasAgg(page)
    for number, name in enumerate(figures):
        axes = page.add_subplot(len(figures), 1, number + 1)
        if number == 0:
            heading = f"{title or _who(coverage)}\n{described(coverage, region=title is None)}"
            axes.set_title(heading, loc="left", fontsize=10.5, pad=8)
        _draw(axes, coverage, name, bounds, min(stretch, 3.0), page)
    with whole_path(path) as part:
        page.savefig(part, format="png", dpi=150, bbox_inches="tight", pad_inches=0.12)
    return path


def _who(coverage: Coverage) -> str:
    craft = coverage.spacecraft
    return craft[0] if len(craft) == 1 else f"{len(craft)} spacecraft"


def described(coverage: Coverage, *, region: bool = True) -> str:
    """Span, sensor, light and, if wanted, region in a line."""
    sensors = sorted({str(sensor) for sensor in coverage.sensors})
    parts = [
        f"{coverage.interval.start.iso(0)[:16]} to {coverage.interval.end.iso(0)[:16]} UTC",
        sensors[0] if len(sensors) == 1 else f"{len(sensors)} sensors",
    ]
    options = coverage.options
    if options.min_sun_elevation_deg is not None:
        parts.append(f"sun ≥ {options.min_sun_elevation_deg:g}°")
    if options.max_sun_elevation_deg is not None:
        parts.append(f"sun ≤ {options.max_sun_elevation_deg:g}°")
    return ", ".join([*parts, coverage.grid.name] if region else parts)


def _draw(
    axes: Axes, coverage: Coverage, name: str, bounds: tuple[float, ...], stretch: float, page: Any
) -> None:
    figure, values = _figure(coverage, name)
    if name == "longest_gap":  # the interval's length says nothing of a cell that is never seen
        values = np.where(np.isfinite(coverage.first_s), values, np.nan)
    values, unit = _scaled(values, figure.units)
    always = coverage.covered_fraction >= 1.0 - 1e-9
    west, south, east, north = bounds
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_aspect(stretch)
    axes.set_facecolor(_SEA)
    finite = values[np.isfinite(values)]
    low, high, extend = _span(finite)
    scale: dict[str, Any] = {"cmap": COLOURS, "vmin": low, "vmax": high}
    image: Any
    if coverage.grid.kind == "points":
        image = axes.scatter(
            _near(coverage.grid.lon_deg, west),
            coverage.grid.lat_deg,
            c=values,
            s=60,
            zorder=4,
            ec="black",
            **scale,
        )
    else:
        shown, there, extent = _picture(coverage, values, bounds)
        held = _picture(coverage, always.astype(np.float64), bounds)[0] == 1.0
        empty = there & ~np.isfinite(shown)
        named = []
        for cells, colour, what in (
            (empty & ~held, _NEVER, "no figure: seen once or never"),
            (empty & held, _ALWAYS, "no figure: always in view"),
        ):
            if cells.any():
                named.append((colour, what))
                axes.imshow(
                    np.where(cells, 1.0, np.nan),
                    extent=extent,
                    cmap=_flat(colour),
                    interpolation="nearest",
                    aspect=stretch,
                    zorder=1,
                )
        image = axes.imshow(shown, extent=extent, interpolation="nearest", aspect=stretch, zorder=2, **scale)
        if named:
            _legend(axes, named)
    _outlines(axes, bounds)
    _ticks(axes, bounds)
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    label = figure.long_name.partition(",")[0]
    if figure.percentile:
        label = f"{name.rsplit('_p', 1)[1]}th {label}"
    label += f" ({unit})" if unit else ""
    if not len(finite):
        axes.text(0.5, 0.5, f"no cell has a {label}", transform=axes.transAxes, ha="center", zorder=7)
        return
    # a bar exactly as high as the map
    bar = page.colorbar(image, cax=axes.inset_axes((1.02, 0.0, 0.022, 1.0)), extend=extend)
    bar.set_label(label)


def _span(finite: FloatArray) -> tuple[float, float, str]:
    """Figures at the two ends of the colours, and whether the bar has a point for those beyond."""
    if not len(finite):
        return 0.0, 1.0, "neither"
    low, high, top = float(finite.min()), float(finite.max()), float(np.percentile(finite, _TOP_PERCENT))
    if high - low < 1e-9 * max(abs(high), 1.0):
        return low - 0.5, high + 0.5, "neither"
    if high - low > 1.2 * (top - low) > 0.0:
        return low, top, "max"
    return low, high, "neither"


def _legend(axes: Axes, named: Sequence[tuple[str, str]]) -> None:
    from matplotlib.patches import Patch

    axes.legend(
        handles=[Patch(facecolor=colour, edgecolor="#777777", label=name) for colour, name in named],
        loc="lower left",
        fontsize=8,
        framealpha=0.9,
    ).set_zorder(6)


def _flat(colour: str) -> Any:
    from matplotlib.colors import ListedColormap

    return ListedColormap([colour])


def _figure(coverage: Coverage, name: str) -> tuple[Figure, FloatArray]:
    for figure in FIGURES:
        if figure.name == name:
            return figure, np.asarray(values_of(coverage, figure), dtype=np.float64)
        if figure.percentile:
            for column, percent in enumerate(coverage.options.percentiles):
                if name == figure.name.replace("percentile", f"p{percent:g}"):
                    return figure, np.asarray(values_of(coverage, figure)[:, column])
    raise AssertionError(f"{name} was checked")


def _scaled(values: FloatArray, units: str) -> tuple[FloatArray, str]:
    """Durations in the unit whose numbers read best along the bar."""
    if units != "s":
        return values, ""
    top = _span(values[np.isfinite(values)])[1]
    for limit, divisor, name in ((120.0, 1.0, "s"), (7200.0, 60.0, "min"), (4 * 86_400.0, 3600.0, "h")):
        if top < limit:
            return values / divisor, name
    return values / 86_400.0, "days"


def _bounds(coverage: Coverage) -> tuple[float, float, float, float]:
    """What the map shows: the cells with a margin, the world for most of it."""
    grid, raster = coverage.grid, coverage.grid.raster
    if raster is not None:
        west, south, east, north = raster.west_deg, raster.south_deg, raster.east_deg, raster.north_deg
    else:
        lon = _unrolled(grid.lon_deg)
        size = math.degrees(math.sqrt(float(grid.area_m2.max())) / 6.371e6) if grid.kind != "points" else 5.0
        west, east = float(lon.min()) - size, float(lon.max()) + size
        south, north = float(grid.lat_deg.min()) - size, float(grid.lat_deg.max()) + size
    if east - west > 300.0:
        return (-180.0, max(south, -90.0), 180.0, min(north, 90.0))
    pad = max(_MARGIN * max(east - west, north - south), 0.05)
    return west - pad, max(south - pad, -90.0), east + pad, min(north + pad, 90.0)


def _unrolled(lon: FloatArray) -> FloatArray:
    """Longitudes counted on past 180° where that keeps them together."""
    over = np.where(lon < 0.0, lon + 360.0, lon)
    return over if over.max() - over.min() < lon.max() - lon.min() else lon


def _near(lon: FloatArray, west: float) -> FloatArray:
    return (lon - west) % 360.0 + west


def _picture(
    coverage: Coverage, values: FloatArray, bounds: tuple[float, ...]
) -> tuple[FloatArray, NDArray[np.bool_], tuple[float, float, float, float]]:
    """Values as rows from north to south, which of them belong to a cell, and (west, east, south, north)."""
    grid, raster = coverage.grid, coverage.grid.raster
    if raster is not None:
        extent = (raster.west_deg, raster.east_deg, raster.south_deg, raster.north_deg)
        return grid.on_raster(values), grid.raster_mask, extent
    from scipy.spatial import cKDTree

    west, south, east, north = bounds
    scale = _PIXELS / max(east - west, north - south)
    columns, rows = max(2, round((east - west) * scale)), max(2, round((north - south) * scale))
    lon = west + (np.arange(columns) + 0.5) * (east - west) / columns
    lat = north - (np.arange(rows) + 0.5) * (north - south) / rows
    mesh_lon, mesh_lat = np.meshgrid(lon, lat)
    # the cell whose point is nearest, unless it is farther than half the diagonal of a cell
    reach = 0.75 * math.sqrt(float(grid.area_m2.max())) / 6.371e6
    tree = cKDTree(_unit(grid.lon_deg, grid.lat_deg))
    distance, index = tree.query(_unit(mesh_lon.ravel(), mesh_lat.ravel()), distance_upper_bound=reach)
    there = np.isfinite(distance)
    shown = np.full(mesh_lon.size, np.nan)
    shown[there] = values[index[there]]
    return shown.reshape(rows, columns), there.reshape(rows, columns), (west, east, south, north)


def _unit(lon_deg: FloatArray, lat_deg: FloatArray) -> FloatArray:
    lon, lat = np.radians(lon_deg), np.radians(lat_deg)
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def _outlines(axes: Axes, bounds: tuple[float, ...]) -> None:
    from matplotlib.collections import LineCollection

    west, south, east, north = bounds
    grain = max(east - west, north - south) / 1200.0
    coasts, borders = lines_in(west, south, east, north, grain)
    # white below black: a line stands out on the dark end of the colours and on the bright one
    broad = 0.5 if east - west > 180.0 else 0.8
    for lines, width in ((borders, 0.6 * broad), (coasts, broad)):
        axes.add_collection(
            LineCollection(lines, colors="white", linewidths=width + 0.6, alpha=0.5, zorder=3)
        )
        axes.add_collection(LineCollection(lines, colors="black", linewidths=width, zorder=3.5))


def _ticks(axes: Axes, bounds: tuple[float, ...]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

    west, _, east, _ = bounds
    if east - west >= 180.0:
        axes.xaxis.set_major_locator(MultipleLocator(60))
        axes.yaxis.set_major_locator(MultipleLocator(30))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))

    def lon_name(value: float, _position: int | None) -> str:
        turned = (value + 180.0) % 360.0 - 180.0
        if abs(abs(turned) - 180.0) < 1e-9:
            return "180°"
        return f"{abs(turned):g}°{'' if turned == 0 else 'E' if turned > 0 else 'W'}"

    def lat_name(value: float, _position: int | None) -> str:
        return f"{abs(value):g}°{'' if value == 0 else 'N' if value > 0 else 'S'}"

    axes.xaxis.set_major_formatter(FuncFormatter(lon_name))
    axes.yaxis.set_major_formatter(FuncFormatter(lat_name))
    axes.tick_params(labelsize=8)
