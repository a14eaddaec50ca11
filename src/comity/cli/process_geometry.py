"""``comity process fit-rpc``, ``locate`` and ``optics``: what the geometry and optics of a camera say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from comity.cli.common import Json, console, print_json
from comity.cli.numbers import named_numbers
from comity.core import InputError

if TYPE_CHECKING:
    from comity.imagery.geometry.control import Refinement
    from comity.imagery.geometry.model import SensorModel

Source = Annotated[
    Path,
    typer.Argument(metavar="IMAGE", help="An image with its geometry, or a camera alone (.camera.json)."),
]
RpcFile = Annotated[
    Path | None, typer.Option("--rpc", help="RPC file to use instead of what is found with the image.")
]
Origin = Annotated[
    str | None,
    typer.Option(metavar="COLUMN,ROW", help="First pixel of an extract in the image its RPC is of."),
]
Points = Annotated[
    Path | None,
    typer.Option(help="Control points to refine the geometry by: CSV with column,row,lon,lat,height."),
]
Form = Annotated[
    Literal["shift", "drift", "affine"] | None,
    typer.Option(help="Form of the refinement.", show_default="what the points can tell"),
]
Sigma = Annotated[float, typer.Option(help="Error of a control point in the image, px.")]


def fit_rpc(
    image: Source,
    out: Annotated[Path, typer.Option(help="RPC file to write: NAME.RPB or NAME_RPC.TXT.")],
    heights: Annotated[
        str, typer.Option(metavar="LOW,HIGH", help="Heights above the ellipsoid it must hold for, m.")
    ] = "-100,5000",
    points: Points = None,
    form: Form = None,
    sigma_px: Sigma = 0.3,
    rpc: RpcFile = None,
    origin: Origin = None,
    json: Json = False,
) -> None:
    """Fit an RPC to an image's geometry, refined by control points or not, and tell how well it suits."""
    from comity.imagery.geometry.fitting import fit_rpc as fit
    from comity.imagery.geometry.rpc_files import write_rpc

    low, high = _pair(heights, "--heights", "LOW,HIGH")
    model, refinement, names = _refined(_geometry(image, rpc, origin), points, form, sigma_px)
    found = fit(model, heights_m=(low, high))
    write_rpc(out, found.rpc)
    if json:
        told: dict[str, Any] = {
            "rpc": str(out),
            "rms_px": found.rms_px,
            "max_px": found.max_px,
            "column_rms_px": found.column_rms_px,
            "row_rms_px": found.row_rms_px,
            "points": found.points,
            "heights_m": list(found.heights_m),
        }
        if refinement is not None:
            told["refinement"] = _refinement_record(refinement, names)
        print_json(told)
        return
    screen = console()
    if refinement is not None:
        screen.print(_refinement_table(refinement, names))
    screen.print(
        f"{out}: {found.rms_px:.2g} px rms, {found.max_px:.2g} px at most, over {found.points:,} points of "
        f"the whole image at {low:g} … {high:g} m"
    )


def locate(
    image: Source,
    pixel: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN,ROW", help="Pixel to find the ground of; (0, 0) is the first's centre."),
    ] = None,
    place: Annotated[
        list[str] | None, typer.Option(metavar="LON,LAT[,HEIGHT_M]", help="Place to find the pixel of.")
    ] = None,
    height_m: Annotated[float, typer.Option(help="Height above the ellipsoid where none is given.")] = 0.0,
    dem: Annotated[
        Path | None, typer.Option(help="Relief to locate pixels on, instead of one height.")
    ] = None,
    geoid: Annotated[str, typer.Option(help="What its heights are above: egm96, a file or none.")] = "egm96",
    points: Points = None,
    form: Form = None,
    sigma_px: Sigma = 0.3,
    rpc: RpcFile = None,
    origin: Origin = None,
    json: Json = False,
) -> None:
    """Find the ground under pixels of an image, or the pixels of places.

    Without either, the corners and the middle of the image. Repeat --pixel or --place for more.
    """
    import numpy as np

    given = _geometry(image, rpc, origin)
    model, refinement, names = _refined(given, points, form, sigma_px)
    rows, columns = model.shape
    pixels = [_pair(one, "--pixel", "COLUMN,ROW") for one in pixel or []]
    if not pixels and not place:
        right, last = columns - 1.0, rows - 1.0
        pixels = [(0.0, 0.0), (right, 0.0), (right, last), (0.0, last), (right / 2.0, last / 2.0)]
    records: list[dict[str, float | None]] = []
    if pixels:
        column, row = np.array(pixels).T
        if dem is None:
            height = np.full(len(column), height_m)
            lon, lat = model.locate(column, row, height)
        else:
            from comity.imagery.geometry.dem import Dem
            from comity.imagery.geometry.location import locate_on

            lon, lat, height = locate_on(model, Dem(dem, geoid), column, row)
        records += _records(column, row, lon, lat, height)
    for one in place or []:
        _, values = named_numbers(one, "--place", "LON,LAT[,HEIGHT_M]", (2, 3))
        at = np.array([*values, height_m][:3])
        at_column, at_row = model.project(at[0], at[1], at[2])
        records += _records(at_column[None], at_row[None], at[:1], at[1:2], at[2:])
    if json:
        told: dict[str, Any] = {"places": records}
        if refinement is not None:
            told["refinement"] = _refinement_record(refinement, names)
        print_json(told)
        return
    screen = console()
    if refinement is not None:
        screen.print(_refinement_table(refinement, names))
    table = Table("column", "row", "lon", "lat", "height m")
    for record in records:
        shown = zip(record.values(), (2, 2, 7, 7, 1), strict=True)
        table.add_row(*("–" if value is None else f"{value:.{digits}f}" for value, digits in shown))
    screen.print(table)


def optics(
    instrument: Annotated[Path, typer.Argument(help="JSON of the instrument's figures (docs/optics.md).")],
    altitude_km: Annotated[float, typer.Option(help="Height of the orbit.")],
    off_nadir_deg: Annotated[
        str, typer.Option(metavar="DEG,…", help="Angles off nadir to tell.")
    ] = "0,10,20,30",
    reflectance: Annotated[float, typer.Option(help="At the top of the atmosphere.")] = 0.2,
    sun_elevation_deg: Annotated[float, typer.Option(help="Of the Sun.")] = 45.0,
    slowdown: Annotated[float, typer.Option(help="Of the scan, by motion compensation.")] = 1.0,
    exposure_ms: Annotated[
        float | None, typer.Option(help="Of a frame.", show_default="a pushbroom's, from orbit and TDI")
    ] = None,
    json: Json = False,
) -> None:
    """Tell what an instrument reaches from an orbit: GSD, swath, MTF, SNR, saturation."""
    from comity.imagery.optics import budget, read_instrument

    found = read_instrument(instrument)
    angles = [_number(one, "--off-nadir-deg") for one in off_nadir_deg.split(",")]
    budgets = [
        budget(
            found,
            altitude_km * 1e3,
            off_nadir_deg=angle,
            reflectance=reflectance,
            sun_elevation_deg=sun_elevation_deg,
            slowdown=slowdown,
            exposure_s=None if exposure_ms is None else exposure_ms * 1e-3,
        )
        for angle in angles
    ]
    if json:
        print_json(budgets)
        return
    screen = console()
    first = budgets[0]
    screen.print(
        f"{found.name}: f/{found.f_number:.1f}, λF/p {first.q:.2f}, "
        f"MTF at Nyquist {first.nyquist.along:.2f} along, {first.nyquist.across:.2f} across the track "
        f"(optics {first.nyquist.optics:.2f}, detector {first.nyquist.detector:.2f})"
    )
    table = Table(
        "off nadir",
        "GSD along",
        "across",
        "swath",
        "line time",
        "electrons",
        "SNR",
        "full well",
        "TDI at most",
    )
    for one in budgets:
        table.add_row(
            f"{one.sampling.off_nadir_deg:g}°",
            f"{one.sampling.gsd_along_m:.2f} m",
            f"{one.sampling.gsd_across_m:.2f} m",
            f"{one.sampling.swath_m / 1e3:.1f} km",
            f"{one.line_time_s * 1e3:.3f} ms",
            f"{one.signal.signal_e:,.0f}",
            f"{one.signal.snr:.0f}",
            f"{one.signal.saturation:.0%}",
            "no limit" if one.signal.tdi_limit is None else str(one.signal.tdi_limit),
        )
    screen.print(table)
    screen.print(
        f"reflectance {reflectance:g} under a Sun at {sun_elevation_deg:g}°; "
        f"saturated from reflectance {first.saturated_at:.2f}"
    )


def _geometry(path: Path, rpc: Path | None, origin: str | None) -> SensorModel:
    if path.name.endswith(".camera.json"):
        from comity.imagery.geometry.sidecar import read_camera

        if rpc is not None or origin is not None:
            raise InputError(f"{path} is a camera: --rpc and --origin are for images")
        return read_camera(path)
    from comity.imagery.geometry.images import open_image

    first = None if origin is None else _pair(origin, "--origin", "COLUMN,ROW")
    return open_image(path, rpc=rpc, origin=first).model


def _refined(
    model: SensorModel, points: Path | None, form: Literal["shift", "drift", "affine"] | None, sigma_px: float
) -> tuple[SensorModel, Refinement | None, tuple[str, ...]]:
    if points is None:
        if form is not None:
            raise InputError("--form is of a refinement: give its control points with --points")
        return model, None, ()
    from comity.imagery.geometry.control import read_control_points, refine

    known = read_control_points(points)
    found = refine(model, known, form=form, sigma_px=sigma_px)
    return found.model, found, known.name


def _refinement_record(found: Refinement, names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "form": found.form,
        "before_px": found.before_px,
        "rms_px": found.rms_px,
        "left_out_px": _or_none(found.left_out_px),
        "points": [
            {"name": name, "column_px": _or_none(u), "row_px": _or_none(v), "kept": bool(kept)}
            for name, u, v, kept in zip(names, found.column_px, found.row_px, found.kept, strict=True)
        ],
    }


def _refinement_table(found: Refinement, names: tuple[str, ...]) -> Table:
    left_out = _or_none(found.left_out_px)
    honest = "no point to spare" if left_out is None else f"{left_out:.2f} px where left out"
    table = Table(
        "point",
        "column px",
        "row px",
        "",
        title=f"{found.form}: {found.before_px:.2f} px rms before, {found.rms_px:.2f} px after, {honest}",
        title_justify="left",
    )
    for name, u, v, kept in zip(names, found.column_px, found.row_px, found.kept, strict=True):
        table.add_row(name, f"{u:.2f}", f"{v:.2f}", "" if kept else "left out: a blunder, or not seen")
    return table


def _records(*columns: Any) -> list[dict[str, float | None]]:
    names = ("column", "row", "lon", "lat", "height_m")
    return [
        dict(zip(names, (_or_none(value) for value in values), strict=True))
        for values in zip(*columns, strict=True)
    ]


def _or_none(value: float) -> float | None:
    return float(value) if value == value else None  # NaN is not itself


def _pair(text: str, option: str, form: str) -> tuple[float, float]:
    parts = text.split(",")
    if len(parts) != 2:
        raise InputError(f"{option} {text!r} is not {form}")
    return _number(parts[0], option), _number(parts[1], option)


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{option}: {text!r} is not a number") from error
