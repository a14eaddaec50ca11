"""``comity process ortho``: an image in sensor geometry laid on the map over relief."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from comity.cli.common import Json, console, print_json
from comity.cli.work import progress_with_time_left
from comity.core import InputError

Rpc = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="RPC of another file: .RPB, _RPC.TXT, DIMAP .XML or an image.",
        show_default="IMG.camera.json, then a file beside the image, then its tags",
    ),
]
Origin = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN,ROW",
        help="Of an extract: its first pixel in the image that the RPC belongs to.",
        show_default="what the TIFF says",
    ),
]
Nodata = Annotated[
    float | None, typer.Option(help="Count that says there is none.", show_default="what the file declares")
]
Geoid = Annotated[
    str,
    typer.Option(metavar="egm96|FILE|none", help="What the DEM's heights are above (none: ellipsoid)."),
]
Voids = Annotated[
    str, typer.Option(metavar="refuse|sea", help="Holes of the DEM: an error, or the sea's level.")
]


def ortho(
    image: Annotated[Path, typer.Option(help="Image in sensor geometry, with an RPC or a rigorous camera.")],
    dem: Annotated[Path, typer.Option(help="Relief: .hgt, GeoTIFF, any raster of heights in metres.")],
    out: Annotated[Path, typer.Option(metavar="OUT.tif", help="Cloud-optimised GeoTIFF to write.")],
    geoid: Geoid = "egm96",
    voids: Voids = "refuse",
    crs: Annotated[
        str | None,
        typer.Option(metavar="EPSG:N", help="Map projection.", show_default="UTM zone of the image's centre"),
    ] = None,
    res: Annotated[
        float | None,
        typer.Option(
            help="Pixel size in the projection's units.", show_default="the image's own at its centre"
        ),
    ] = None,
    bounds: Annotated[
        str | None,
        typer.Option(metavar="W,S,E,N", help="Only this part, in the projection's units."),
    ] = None,
    area: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Only the rectangle about this GeoJSON area.")
    ] = None,
    resampling: Annotated[
        str, typer.Option(help="nearest, bilinear, cubic or lanczos; widened where pixels get larger.")
    ] = "cubic",
    rpc: Rpc = None,
    origin: Origin = None,
    nodata: Nodata = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads.", show_default="one per processor")
    ] = None,
    as_json: Json = False,
) -> None:
    """Orthorectify an image: L1B to L1C.

    A run that was killed goes on where it was when it is started again.
    """
    from comity.imagery.geometry.dem import Dem, voids_named
    from comity.imagery.geometry.images import open_image
    from comity.imagery.processing.mapgrid import area_bounds
    from comity.imagery.processing.ortho import orthorectify

    if bounds is not None and area is not None:
        raise InputError("give --bounds or --area, not both")
    opened = open_image(image, rpc=rpc, origin=pair(origin, "--origin"), nodata=nodata)
    relief = Dem(dem, geoid, voids=voids_named(voids))
    box = _four(bounds) if bounds is not None else None
    if area is not None:
        box = area_bounds(area, opened, relief, crs)
    with progress_with_time_left("Orthorectifying") as progress:
        result = orthorectify(
            opened,
            relief,
            out,
            crs=crs,
            res=res,
            bounds=box,
            resampling=resampling,
            workers=workers,
            progress=progress,
        )
    if as_json:
        print_json(
            {**{field.name: getattr(result, field.name) for field in fields(result)}, "path": str(out)}
        )
        return
    screen = console()
    screen.print(f"{result.path}: {result.width} × {result.height} pixels of {result.res:g}, {result.crs}")
    screen.print(f"bands {', '.join(result.bands)}; {result.resampling}; {result.geometry}; {result.relief}")
    across, along = result.native_gsd_m
    low, high = result.heights_m
    screen.print(
        f"image's own pixel {across:.3g} × {along:.3g} m; heights {low:.0f} … {high:.0f} m above the "
        f"ellipsoid; positions within {result.grid_error_px:.4f} px of the model"
    )
    if result.beyond_model:
        screen.print("note: these heights go beyond those the image's model was made for")


def pair(text: str | None, option: str) -> tuple[float, float] | None:
    """``COLUMN,ROW`` as two numbers."""
    if text is None:
        return None
    try:
        first, second = (float(word) for word in text.split(","))
    except ValueError:
        raise InputError(f"{option} {text!r}: give two numbers, COLUMN,ROW") from None
    return first, second


def _four(text: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(word) for word in text.split(","))
    except ValueError:
        raise InputError(f"--bounds {text!r}: give four numbers, WEST,SOUTH,EAST,NORTH") from None
    return west, south, east, north
