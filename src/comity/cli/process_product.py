"""``comity process product``, ``l2a`` and ``mask``: what a customer gets, and the steps only it needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from comity.cli.common import Json, console, print_json
from comity.cli.output import check_writable
from comity.cli.process_ortho import Geoid, Voids, pair
from comity.cli.work import progress_with_time_left
from comity.core import Epoch, InputError

if TYPE_CHECKING:
    from comity.imagery.geometry.images import SensorImage
    from comity.imagery.products.facts import SceneFacts

Bands = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,…",
        help="The bands' names in order, STAC common names.",
        show_default="the file's own, or told by the haze in them",
    ),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Threads.", show_default="one per processor")]
Metadata = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Facts of the acquisition: a STAC Item, JSON with the names of its fields, or DIMAP XML.",
    ),
]
Time = Annotated[
    str | None,
    typer.Option(metavar="ISO", help="When the image was taken, UTC.", show_default="what the files say"),
]


def product(
    pan: Annotated[Path, typer.Option(help="Panchromatic image in sensor geometry.")],
    xs: Annotated[Path, typer.Option(help="Its bands in sensor geometry: three or more.")],
    dem: Annotated[Path, typer.Option(help="Relief: .hgt, GeoTIFF, any raster of heights in metres.")],
    area: Annotated[Path, typer.Option(metavar="AREA.geojson", help="The customer's area.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to make; the product is named after it.")],
    id: Annotated[
        str | None, typer.Option(help="The product's id.", show_default="the folder's name")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Take what the image shows of the area, be it not all.")
    ] = False,
    geoid: Geoid = "egm96",
    voids: Voids = "refuse",
    crs: Annotated[
        str | None,
        typer.Option(metavar="EPSG:N", help="Map projection.", show_default="UTM zone of the image"),
    ] = None,
    res: Annotated[
        float | None, typer.Option(help="Pixel size in its units.", show_default="the pan's own")
    ] = None,
    bands: Bands = None,
    l2a: Annotated[
        str | None,
        typer.Option(
            metavar="6s-like|dark-object",
            help="Also correct for the atmosphere; needs reflectance, not counts.",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Measure the error of location against points (CSV, GeoJSON) or an orthoimage (TIFF).",
        ),
    ] = None,
    metadata: Metadata = None,
    time: Time = None,
    platform: Annotated[str | None, typer.Option(help="The spacecraft's name.")] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:ROLE", help="Provider and role (producer, licensor, processor, host)."),
    ] = None,
    licence: Annotated[str | None, typer.Option(help="SPDX identifier, or other.")] = None,
    order: Annotated[str | None, typer.Option(help="Order it belongs to in a catalogue.")] = None,
    pan_rpc: Annotated[Path | None, typer.Option(metavar="FILE", help="RPC of the pan, from a file.")] = None,
    xs_rpc: Annotated[
        Path | None, typer.Option(metavar="FILE", help="RPC of the bands, from a file.")
    ] = None,
    pan_origin: Annotated[
        str | None, typer.Option(metavar="COLUMN,ROW", help="First pixel of a pan extract in its full image.")
    ] = None,
    xs_origin: Annotated[
        str | None, typer.Option(metavar="COLUMN,ROW", help="First pixel of the bands' extract.")
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Make a customer's product: sharpened orthoimage of the area, mask, quicklook, Item, quality report.

    The folder appears whole or not at all; started again after a kill, the run goes on where it was.
    """
    from comity.imagery.products.making import make_product

    check_writable(out)
    with progress_with_time_left("Making the product") as progress:
        made = make_product(
            _image(pan, pan_rpc, pan_origin, "--pan-origin"),
            _image(xs, xs_rpc, xs_origin, "--xs-origin"),
            dem,
            area,
            out,
            id=id,
            geoid=geoid,
            voids=voids,
            crs=crs,
            pixel_m=res,
            bands=_names(bands),
            metadata=metadata,
            facts=_facts(time, platform, provider, licence, order),
            reference=reference,
            least_coverage=None if partial else 1.0,
            surface=l2a,
            workers=workers,
            progress=progress,
        )
    if as_json:
        print_json(made)
        return
    screen = console()
    screen.print(
        f"{made.folder}: {made.width} × {made.height} pixels of {made.pixel_m:g} m, {made.crs}, "
        f"{made.bytes / 1e6:.1f} MB",
        soft_wrap=True,
    )
    where = (
        "location not measured"
        if made.location_rms_m is None
        else f"location {made.location_rms_m:.2f} m rms"
    )
    screen.print(
        f"cloud {100 * made.cloud:.1f} %, usable {100 * made.usable:.1f} %, area covered "
        f"{100 * made.coverage:.1f} %, {where}"
    )
    for path in (made.image, made.mask, made.quicklook, made.item, made.report):
        screen.print(f"  {path.name}")
    for note in made.notes:
        screen.print(f"note: {note}", style="yellow", soft_wrap=True)


def l2a(
    image: Annotated[Path, typer.Option(help="Map image of top-of-atmosphere reflectance.")],
    out: Annotated[Path, typer.Option(metavar="OUT.tif", help="Cloud-optimised GeoTIFF to write.")],
    method: Annotated[str, typer.Option(metavar="6s-like|dark-object", help="How to correct.")] = "6s-like",
    aerosol: Annotated[str, typer.Option(help="continental, maritime or urban.")] = "continental",
    aot: Annotated[
        float | None,
        typer.Option(help="Aerosol optical thickness at 0.55 µm.", show_default="from the darkest ground"),
    ] = None,
    water: Annotated[float, typer.Option(help="Water vapour, g/cm².")] = 2.0,
    ozone: Annotated[float, typer.Option(help="Ozone, cm-atm.")] = 0.30,
    altitude: Annotated[float, typer.Option(help="Of the ground, m.")] = 0.0,
    sun_elevation: Annotated[
        float | None, typer.Option(help="Degrees.", show_default="from the time")
    ] = None,
    sun_azimuth: Annotated[float | None, typer.Option(help="Degrees.", show_default="from the time")] = None,
    view_zenith: Annotated[float, typer.Option(help="Incidence angle of the view, degrees.")] = 0.0,
    view_azimuth: Annotated[float, typer.Option(help="From the ground to the sensor, degrees.")] = 0.0,
    time: Time = None,
    metadata: Metadata = None,
    bands: Bands = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Correct an image for the atmosphere: top-of-atmosphere reflectance to that of the ground."""
    from dataclasses import replace

    from comity.imagery.processing.atmosphere import Air
    from comity.imagery.processing.surface import METHODS, surface_reflectance
    from comity.imagery.products.facts import SceneFacts, merged
    from comity.imagery.products.sun import facts_of_map, look_of

    if method not in METHODS:
        raise InputError(f"unknown method {method!r}: there are {', '.join(METHODS)}")
    given = SceneFacts(
        start=Epoch.from_iso(time) if time else None,
        sun_elevation_deg=sun_elevation,
        sun_azimuth_deg=sun_azimuth,
    )
    facts = facts_of_map(image, given, metadata)
    facts = merged(facts, replace(SceneFacts(), incidence_deg=view_zenith, view_azimuth_deg=view_azimuth))
    air = None
    if method == "6s-like":
        air = Air(
            aot550=aot if aot is not None else 0.1,
            aerosol=aerosol,
            water_g_cm2=water,
            ozone_cm_atm=ozone,
            altitude_m=altitude,
        )
    check_writable(out)
    with progress_with_time_left("Correcting") as progress:
        done = surface_reflectance(
            image,
            out,
            look=look_of(image, facts),
            method=method,
            air=air,
            estimate_aot=aot is None,
            bands=_names(bands),
            workers=workers,
            progress=progress,
        )
    if as_json:
        print_json(done)
        return
    screen = console()
    screen.print(f"{done.image}: surface reflectance, {METHODS[method]}", soft_wrap=True)
    if done.air is not None:
        how = "from the darkest ground" if done.aot_estimated else "as given"
        screen.print(
            f"aerosol {done.air.aerosol}, optical thickness {done.air.aot550:.3f} at 0.55 µm ({how})"
        )
    for band in done.bands:
        screen.print(
            f"  {band.band:8} path {band.path:.4f}  gain {band.gain:.4f}  spherical {band.spherical:.4f}"
        )
    if done.negative > 0.001:
        screen.print(f"note: {100 * done.negative:.1f} % of the values came out below 0", style="yellow")


def mask(
    image: Annotated[Path, typer.Option(help="Map image: reflectance, or counts.")],
    out: Annotated[Path, typer.Option(metavar="OUT.tif", help="Mask to write (cloud-optimised).")],
    sun_elevation: Annotated[
        float | None, typer.Option(help="Degrees.", show_default="from the time")
    ] = None,
    sun_azimuth: Annotated[float | None, typer.Option(help="Degrees.", show_default="from the time")] = None,
    view_zenith: Annotated[float, typer.Option(help="Incidence angle of the view, degrees.")] = 0.0,
    view_azimuth: Annotated[float, typer.Option(help="From the ground to the sensor, degrees.")] = 0.0,
    time: Time = None,
    metadata: Metadata = None,
    bands: Bands = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Tell cloud, cloud shadow and water in an image; shadows need the Sun."""
    from dataclasses import replace

    from comity.imagery.processing.masks import mask_image
    from comity.imagery.products.facts import SceneFacts, merged
    from comity.imagery.products.sun import facts_of_map, geometry_of

    given = SceneFacts(
        start=Epoch.from_iso(time) if time else None,
        sun_elevation_deg=sun_elevation,
        sun_azimuth_deg=sun_azimuth,
    )
    facts = merged(
        facts_of_map(image, given, metadata),
        replace(SceneFacts(), incidence_deg=view_zenith, view_azimuth_deg=view_azimuth),
    )
    check_writable(out)
    with progress_with_time_left("Masking") as progress:
        found = mask_image(
            image, out, geometry_of(image, facts), bands=_names(bands), workers=workers, progress=progress
        )
    if as_json:
        print_json(found)
        return
    screen = console()
    screen.print(
        f"{out}: cloud {100 * found.cloud:.1f} %, shadow {100 * found.shadow:.1f} %, water "
        f"{100 * found.water:.1f} %, usable {100 * found.usable:.1f} %"
    )
    for note in found.notes:
        screen.print(f"note: {note}", style="yellow", soft_wrap=True)


def _names(bands: str | None) -> list[str] | None:
    return None if bands is None else [one.strip() for one in bands.split(",")]


def _image(path: Path, rpc: Path | None, origin: str | None, option: str) -> Path | SensorImage:
    """The path alone, unless its geometry is given otherwise."""
    if rpc is None and origin is None:
        return path
    from comity.imagery.geometry.images import open_image

    return open_image(path, rpc=rpc, origin=pair(origin, option))


def _facts(
    time: str | None,
    platform: str | None,
    provider: list[str] | None,
    licence: str | None,
    order: str | None,
) -> SceneFacts:
    from comity.imagery.products.facts import SceneFacts

    parties = []
    for one in provider or ():
        name, colon, role = one.rpartition(":")
        if not colon or role not in ("producer", "licensor", "processor", "host"):
            raise InputError(
                f"--provider {one!r}: give NAME:ROLE, the role producer, licensor, processor or host"
            )
        parties.append((name, role))
    return SceneFacts(
        start=Epoch.from_iso(time) if time else None,
        platform=platform,
        providers=tuple(parties),
        licence=licence or "other",
        order=order,
        sources=("command line",) if any((time, platform, parties, licence)) else (),
    )
