"""``comity process pansharpen``, ``mosaic`` and ``cut``: from a pan and bands to the customer's area."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from comity.cli.common import Json, console, print_json, progress_bar
from comity.cli.output import check_writable
from comity.core import InputError

if TYPE_CHECKING:
    from comity.imagery.geometry.images import SensorImage

Out = Annotated[Path, typer.Option("--out", help="GeoTIFF to write (cloud-optimised).")]
Workers = Annotated[int | None, typer.Option(min=1, help="Threads.", show_default="one per processor")]
Bands = Annotated[
    str | None, typer.Option(metavar="NAME,…", help="Names of the bands, where the file gives none.")
]


def pansharpen(
    pan: Annotated[Path, typer.Option(help="Panchromatic image: with a model (RPC, camera) or on a map.")],
    xs: Annotated[Path, typer.Option(help="Its bands, in the same kind of geometry, on their own pixels.")],
    out: Out,
    dem: Annotated[
        Path | None, typer.Option(help="Relief, for a sensor whose pan and bands look from places apart.")
    ] = None,
    geoid: Annotated[
        str, typer.Option(metavar="egm96|FILE|none", help="What the DEM's heights are above.")
    ] = "egm96",
    register: Annotated[
        bool, typer.Option(help="Measure how the bands lie on the pan and correct it.")
    ] = True,
    judge: Annotated[
        bool,
        typer.Option(help="Also judge the result: ERGAS, SAM and Q at reduced scale, QNR at full scale."),
    ] = False,
    bands: Bands = None,
    pan_rpc: Annotated[
        Path | None, typer.Option(help="RPC file of the pan, not the one found with it.")
    ] = None,
    xs_rpc: Annotated[Path | None, typer.Option(help="RPC file of the bands.")] = None,
    pan_origin: Annotated[
        str | None, typer.Option(metavar="COLUMN,ROW", help="First pixel of a pan extract in its full image.")
    ] = None,
    xs_origin: Annotated[
        str | None, typer.Option(metavar="COLUMN,ROW", help="First pixel of the bands' extract.")
    ] = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Sharpen the bands of an image with its pan; what comes out lies on the pan's pixels, in its geometry.

    Of a pair in sensor geometry the result is in sensor geometry: orthorectify it next.
    """
    from comity.imagery.geometry.dem import Dem
    from comity.imagery.processing.pansharpen import pansharpen as sharpen

    check_writable(out)
    with progress_bar("pansharpen") as progress:
        found = sharpen(
            _image(pan, pan_rpc, pan_origin),
            _image(xs, xs_rpc, xs_origin),
            out,
            dem=None if dem is None else Dem(dem, None if geoid == "none" else geoid, voids="sea"),
            register=register,
            judge=judge,
            bands=None if bands is None else bands.split(","),
            workers=workers,
            progress=progress,
        )
    if json:
        print_json(found)
        return
    screen = console()
    screen.print(
        f"{out}: {found.width} × {found.height} pixels, {', '.join(found.bands)}; geometry: {found.geometry}",
        soft_wrap=True,
    )
    screen.print(
        f"the bands lay {found.shift_px[0]:+.2f} columns, {found.shift_px[1]:+.2f} rows off the pan "
        f"(pan px, ± {found.spread_px:.2f}) and tell {found.explained:.1%} of it; "
        f"filter {found.nyquist:.2f} at Nyquist"
        if register
        else f"the bands tell {found.explained:.1%} of the pan; filter {found.nyquist:.2f} at Nyquist"
    )
    if found.assessment is not None:
        reduced, full = found.assessment.reduced, found.assessment.full
        screen.print(
            f"at reduced scale ERGAS {reduced.ergas:.2f}, SAM {reduced.sam_deg:.2f}°, Q {reduced.q:.3f}; "
            f"at full scale QNR {full.qnr:.3f} (D_lambda {full.d_lambda:.3f}, D_s {full.d_s:.3f})"
        )
    for note in found.notes:
        screen.print(f"note: {note}", style="yellow", soft_wrap=True)


def _image(path: Path, rpc: Path | None, origin: str | None) -> Path | SensorImage:
    """The path alone, unless its geometry is given otherwise."""
    if rpc is None and origin is None:
        return path
    from comity.imagery.geometry.images import open_image

    place = None
    if origin is not None:
        try:
            column, row = (float(value) for value in origin.split(","))
        except ValueError:
            raise InputError(f"{origin!r} is no COLUMN,ROW") from None
        place = (column, row)
    return open_image(path, rpc=rpc, origin=place)


def mosaic(
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE…", help="Orthorectified images of one CRS; the first on top."),
    ],
    out: Out,
    mask: Annotated[
        list[Path] | None,
        typer.Option(
            help="Class mask of each image in their order: cloud and shadow are taken from another."
        ),
    ] = None,
    balance: Annotated[bool, typer.Option(help="Bring the images to one level and contrast.")] = True,
    feather_px: Annotated[float, typer.Option(min=0.0, help="Width of blending along seams.")] = 16.0,
    bands: Bands = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Join overlapping images into one: balanced, along seams through what looks alike, blended."""
    from comity.imagery.processing.mosaic import mosaic as join

    check_writable(out)
    with progress_bar("mosaic") as progress:
        found = join(
            images,
            out,
            masks=mask or (),
            balanced=balance,
            feather_px=feather_px,
            bands=None if bands is None else bands.split(","),
            workers=workers,
            progress=progress,
        )
    if json:
        print_json(found)
        return
    screen = console()
    table = Table("image", "share", "gain", "offset")
    for part in found.parts:
        table.add_row(
            str(part.path),
            f"{part.share:.1%}",
            " ".join(f"{gain:.3f}" for gain in part.gains),
            " ".join(f"{offset:+.1f}" for offset in part.offsets),
        )
    screen.print(table)
    if found.before is not None and found.after is not None:
        screen.print(
            f"in the overlaps the images differed by {found.before:.2%} rms, now by {found.after:.2%}"
        )
    screen.print(f"{out}: {found.width} × {found.height} pixels, {', '.join(found.bands)}", soft_wrap=True)


def cut(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image on a map.")],
    area: Annotated[Path, typer.Option(help="GeoJSON of the customer's polygon, lon, lat.")],
    out: Out,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Crop an image to an area and blank what lies outside it."""
    from comity.imagery.processing.cut import cut as crop

    check_writable(out)
    with progress_bar("cut") as progress:
        found = crop(image, area, out, workers=workers, progress=progress)
    if json:
        print_json(found)
        return
    console().print(
        f"{out}: {found.width} × {found.height} pixels, {', '.join(found.bands)}; "
        f"{found.covered:.1%} of the area has data",
        soft_wrap=True,
    )
