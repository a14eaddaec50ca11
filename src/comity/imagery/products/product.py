"""From an acquisition to the files a customer gets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from shapely.geometry.base import BaseGeometry

import comity
from comity.core import Epoch, InputError, write_whole
from comity.fleet import territories
from comity.imagery.acquisition import Acquisition
from comity.imagery.grid import ImageGrid, image_grid, unwrap
from comity.imagery.products.files import file_name, folder, json_bytes, multihash
from comity.imagery.products.geotiff import cloud_optimised
from comity.imagery.products.quicklook import quicklook_png
from comity.imagery.products.schemas import validate_item
from comity.imagery.products.stac import item_dict
from comity.imagery.scenery import ground
from comity.imagery.scenery.coast import LandIn
from comity.imagery.scenery.scene import Scene
from comity.imagery.scenery.sensing import REFLECTANCE_SCALE, THERMAL_SCALE, Light
from comity.imagery.scenery.spectra import bands_of

MARK = "SIMULATED"
#: Raised whenever the scene is drawn differently, so that kept files are made anew.
SCENE_VERSION = 2

BordersIn = Callable[[float, float, float, float], BaseGeometry]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFiles:
    """The files of one Item.

    ``id``: of Item and acquisition. ``item``, ``image``, ``quicklook``: paths of the STAC Item, the COG
    and the PNG. ``pixel_m``, ``width``, ``height``: the image's grid. ``bytes``: of all three files.
    ``reused``: they were there already and nothing had to be made.
    """

    id: str
    item: Path
    image: Path
    quicklook: Path
    pixel_m: float
    width: int
    height: int
    bytes: int
    reused: bool


def make_item(
    acquisition: Acquisition,
    out_dir: Path,
    *,
    seed: int,
    max_pixels: int = 20_000_000,
    place: str | None = None,
    quicklook_px: int = 1024,
    taken_as: str | None = None,
    land_in: LandIn = territories.land_in,
    borders_in: BordersIn = territories.borders_in,
) -> ItemFiles:
    """Make the simulated product of an acquisition: COG, quicklook and STAC Item, in
    ``out_dir/ORDER/ID/``.

    The image lies in the UTM zone of the footprint's centre (UPS near the poles), its pixels
    ``delivered_gsd_m`` wide or coarser so that it holds at most ``max_pixels``. The same acquisition
    and arguments give the same bytes; if these files are there already they are kept. Files appear
    whole, the Item last.

    Parameters
    ----------
    seed : draws everything that is made up; the ground looks the same in every image of one seed.
    place : what the quicklook calls the place; the acquisition's target unless given.
    quicklook_px : longest side of the picture.
    taken_as : id under which the same acquisition was made before: the image shows the same clouds.
    land_in, borders_in : land and borders within west, south, east, north (degrees).

    Raises
    ------
    InputError
        For an empty footprint, unknown bands, a cloud fraction outside 0…1, GSD out of order, a folder
        that cannot be written.
    OSError
        When the disk is full or fails.
    """
    bands = bands_of(acquisition.bands)
    _check(acquisition)
    grid = image_grid(acquisition.footprint, acquisition.delivered_gsd_m, max_pixels)
    place = place or acquisition.target
    recipe = _recipe(acquisition, seed, max_pixels, place, quicklook_px)
    home = folder(Path(out_dir) / file_name(acquisition.order) / file_name(acquisition.id))
    kept = _kept(home, acquisition, recipe, grid)
    if kept is not None:
        return kept

    scales = [THERMAL_SCALE if band.thermal else REFLECTANCE_SCALE for band in bands]
    month = acquisition.start.datetime.month
    scene = Scene(
        grid=grid,
        bands=bands,
        light=Light(
            sun_elevation_deg=acquisition.sun_elevation_deg,
            sun_azimuth_deg=acquisition.sun_azimuth_deg,
            incidence_deg=acquisition.incidence_deg,
        ),
        cloud=acquisition.cloud,
        month=month,
        ground_key=f"{seed}",
        sky_key=f"{seed}/{taken_as or acquisition.id}",
        land_in=land_in,
    )
    paths = _paths(home, acquisition)
    tags = {
        "TIFFTAG_IMAGEDESCRIPTION": f"{MARK} image {acquisition.id}: {place}. {_sizes(acquisition, grid)}",
        "TIFFTAG_SOFTWARE": f"comity {comity.__version__}",
        "TIFFTAG_DATETIME": acquisition.start.datetime.strftime("%Y:%m:%d %H:%M:%S"),
        "SIMULATED": "YES",
    }
    with cloud_optimised(grid, bands, scales, scene.render, tags) as packed:
        content = packed.getbuffer()
        image = {"href": f"./{paths[1].name}", "checksum": multihash(content), "size": len(content)}
        write_whole(paths[1], content)
        with packed.open() as opened:
            borders = _lines(borders_in, acquisition.footprint)
            picture = quicklook_png(
                opened,
                grid,
                _caption(acquisition, grid, place),
                MARK,
                acquisition.cloud,
                borders,
                quicklook_px,
            )
    write_whole(paths[2], picture)
    quicklook = {"href": f"./{paths[2].name}", "checksum": multihash(picture), "size": len(picture)}
    document = item_dict(
        acquisition,
        grid=grid,
        bands=bands,
        scales=scales,
        image=image,
        quicklook=quicklook,
        lineage=_lineage(),
        software={"comity": comity.__version__},
        extra={"comity:place": place, "comity:seed": seed, "comity:recipe": recipe},
    )
    validate_item(document)
    text = json_bytes(document)
    write_whole(paths[0], text)
    return _files(paths, acquisition, grid, len(content) + len(picture) + len(text), reused=False)


def _check(acquisition: Acquisition) -> None:
    if not 0.0 <= acquisition.cloud <= 1.0:
        raise InputError(f"cloud {acquisition.cloud:g} is outside 0…1 (a fraction, not percent)")
    if not 0.0 < acquisition.native_gsd_m <= acquisition.delivered_gsd_m * (1.0 + 1e-9):
        raise InputError(
            f"delivered GSD {acquisition.delivered_gsd_m:g} m is finer than the native "
            f"{acquisition.native_gsd_m:g} m, or one is not above 0"
        )
    if acquisition.end <= acquisition.start:
        raise InputError(
            f"acquisition {acquisition.id} ends at {acquisition.end}, not after {acquisition.start}"
        )


def _recipe(acquisition: Acquisition, seed: int, *rest: Any) -> str:
    """A fingerprint of everything the files depend on."""
    parts: dict[str, Any] = {}
    for field in fields(acquisition):
        value = getattr(acquisition, field.name)
        if isinstance(value, Epoch):
            value = value.tai_ns
        elif isinstance(value, BaseGeometry):
            value = value.wkt
        parts[field.name] = value
    text = json.dumps([parts, seed, *rest, SCENE_VERSION, comity.__version__], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _paths(home: Path, acquisition: Acquisition) -> tuple[Path, Path, Path]:
    name = file_name(acquisition.id)
    return home / f"{name}.json", home / f"{name}.tif", home / f"{name}.png"


def _kept(home: Path, acquisition: Acquisition, recipe: str, grid: ImageGrid) -> ItemFiles | None:
    """The files there are, if they are whole and made from the same recipe."""
    paths = _paths(home, acquisition)
    try:
        document = json.loads(paths[0].read_text(encoding="utf-8"))
        same = document["properties"]["comity:recipe"] == recipe
        sizes = [document["assets"][key]["file:size"] for key in ("image", "quicklook")]
        whole = sizes == [paths[1].stat().st_size, paths[2].stat().st_size]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not (same and whole):
        return None
    total = sum(sizes) + paths[0].stat().st_size
    return _files(paths, acquisition, grid, total, reused=True)


def _files(
    paths: tuple[Path, Path, Path],
    acquisition: Acquisition,
    grid: ImageGrid,
    total: int,
    reused: bool,
) -> ItemFiles:
    return ItemFiles(
        id=acquisition.id,
        item=paths[0],
        image=paths[1],
        quicklook=paths[2],
        pixel_m=grid.pixel_m,
        width=grid.width,
        height=grid.height,
        bytes=total,
        reused=reused,
    )


def _lines(borders_in: BordersIn, footprint: BaseGeometry) -> BaseGeometry:
    return borders_in(*_around(footprint))


def _around(shape: BaseGeometry) -> tuple[float, float, float, float]:
    """Bounds in degrees; west > east where the shape crosses the antimeridian."""
    west, south, east, north = unwrap(shape).bounds
    if east - west >= 360.0:
        return -180.0, south, 180.0, north
    return (west + 180.0) % 360.0 - 180.0, south, (east + 180.0) % 360.0 - 180.0, north


def _sizes(acquisition: Acquisition, grid: ImageGrid) -> str:
    digits = 2 if acquisition.native_gsd_m < 100 else 0
    return f"Pixel {grid.pixel_m:.4g} m (native GSD {acquisition.native_gsd_m:.{digits}f} m)"


def _caption(acquisition: Acquisition, grid: ImageGrid, place: str) -> list[str]:
    lon, lat = grid.centre_deg
    where = f"{abs(lat):.2f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.2f}° {'E' if lon >= 0 else 'W'}"
    return [
        f"{place} · {where} · {acquisition.spacecraft} {acquisition.instrument} · {acquisition.start.iso(0)}",
        f"{_sizes(acquisition, grid)} · cloud {100 * acquisition.cloud:.0f} % · "
        f"off-nadir {acquisition.off_nadir_deg:.0f}° · Sun {acquisition.sun_elevation_deg:.0f}°",
    ]


def _lineage() -> str:
    return (
        "Simulated. Coast and borders: "
        f"{territories.SOURCE}. Relief: {ground.RELIEF_SOURCE}. Climate: {ground.CLIMATE_SOURCE}. "
        f"Towns: {ground.TOWNS_SOURCE}. Detail finer than these is noise tied to the ground; clouds are "
        f"noise thresholded to the stated cover."
    )


__all__ = ["MARK", "SCENE_VERSION", "ItemFiles", "make_item"]
