"""A customer's product from a pan and its bands: map image, mask, pictures, Item and quality report.

The steps are functions of their own (:mod:`comity.imagery.processing`); here they follow one another in a
folder that appears whole or not at all.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from comity.core import InputError, Progress, silent, whole_path
from comity.imagery.geometry.dem import Dem
from comity.imagery.geometry.images import SensorImage, open_image
from comity.imagery.processing.areas import read_area
from comity.imagery.processing.blocks import fingerprint
from comity.imagery.processing.masks import MaskFigures, mask_image
from comity.imagery.processing.pansharpen import PansharpenResult, pansharpen
from comity.imagery.processing.readout import Readout, band_names, opened
from comity.imagery.processing.surface import surface_reflectance
from comity.imagery.products import dossier
from comity.imagery.products.area import Coverage, coverage, outline
from comity.imagery.products.facts import SceneFacts, completed, merged, read_metadata, tagged
from comity.imagery.products.files import file_name
from comity.imagery.products.inputs import ProductInputs
from comity.imagery.products.laying import Laid, lay_on_map
from comity.imagery.products.measures import (
    BandSignal,
    GeometricError,
    errors_against,
    errors_at_points,
    estimate_snr,
    read_reference_points,
)
from comity.imagery.products.sun import geometry_of, look_of

#: Pixels of an input that its noise is measured in, about its middle.
_SNR_SIDE = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFiles:
    """The files of one product, in ``folder``, and the figures a user asks for first.

    ``cloud``, ``usable``, ``coverage``: fractions 0…1. ``location_rms_m``: None where no reference was given.
    """

    id: str
    folder: Path
    item: Path
    image: Path
    mask: Path
    quicklook: Path
    thumbnail: Path
    report: Path
    figures: Path
    crs: str
    pixel_m: float
    width: int
    height: int
    cloud: float
    usable: float
    coverage: float
    location_rms_m: float | None
    bytes: int
    notes: tuple[str, ...]


def make_product(
    pan: Path | SensorImage,
    xs: Path | SensorImage,
    dem: Path,
    area: Path,
    out: Path,
    *,
    id: str | None = None,
    geoid: str = "egm96",
    voids: str = "refuse",
    crs: str | None = None,
    pixel_m: float | None = None,
    bands: Sequence[str] | None = None,
    metadata: Path | None = None,
    facts: SceneFacts | None = None,
    reference: Path | None = None,
    least_coverage: float | None = 1.0,
    surface: str | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> ProductFiles:
    """Make the product of an area in the folder ``out``: the image is sharpened in the pan's geometry and
    resampled to the map once, cut to the area, masked, described and measured.

    ``pan``, ``xs``: images in sensor geometry, each with RPC or camera file, or opened with another.
    ``area``: GeoJSON. ``crs``: ``EPSG:N``, the UTM zone of the image unless given; ``pixel_m``: the pan's
    own unless given. ``metadata``: STAC Item, flat JSON or DIMAP with the facts of the acquisition;
    ``facts`` come before it. ``reference``: points (CSV, GeoJSON) or an image (TIFF) to measure the location
    against. ``least_coverage``: fraction of the area that must be in the image, None for any. ``surface``:
    method of an L2A correction, for images of reflectance.

    The folder appears whole or not at all, and only a product of the same id is replaced. After a kill the
    same call goes on where it was. Raises :class:`InputError` naming the file and what is wrong with it.
    """
    out = Path(out)
    name = file_name(id or out.name)
    _check_target(out, name)
    shape = read_area(area)
    pan_image, xs_image = (one if isinstance(one, SensorImage) else open_image(one) for one in (pan, xs))
    _check_pair(pan_image, xs_image)
    pan, xs = pan_image.path, xs_image.path
    relief = Dem(dem, geoid, voids=voids)  # type: ignore[arg-type]
    names = _names(xs, bands)
    if surface is not None and not Readout(xs, bands=names).is_reflectance:
        raise InputError(
            f"{xs} holds plain counts, no reflectance: make it L1B first, or give the file its scale "
            "(gdal_edit.py -scale); without --l2a the product has counts"
        )
    shown = outline(pan, pan_image.model, relief).intersection(outline(xs, xs_image.model, relief))
    if shown.is_empty:
        raise InputError(f"{pan} and {xs} do not show the same ground")
    cover = coverage(shape, shown, least=least_coverage, name=str(area))
    known = _facts(pan_image, xs_image, relief, metadata, facts)
    points = read_reference_points(reference) if reference and not _is_raster(reference) else None
    inputs = ProductInputs(pan=pan_image, xs=xs_image, dem=relief, area_file=area, metadata=metadata)

    work = out.with_name(f".{out.name}.work")
    recipe = fingerprint(
        "product 1",
        pan,
        xs,
        pan_image.model,
        xs_image.model,
        dem,
        shape.wkt,
        crs,
        pixel_m,
        names,
        geoid,
        voids,
        surface,
    )
    _prepare(work, recipe)
    try:
        sharpened, image, ortho = _images(
            inputs, work, name, cover.seen, names, crs, pixel_m, surface, known, workers, progress
        )
        geometry = geometry_of(image, known)
        mask = work / f"{name}.mask.tif"
        progress(0, 0, "mask")
        found = mask_image(image, mask, geometry, workers=workers)
        progress(0, 0, "quality")
        error = _error(inputs, image, reference, points, dossier.pixel_of(image))
        papers = dossier.write(
            work,
            name,
            image=image,
            mask=mask,
            inputs=inputs,
            facts=known,
            area=shape,
            cover=cover,
            masked=found,
            error=error,
            signals=[*_signals(pan_image, ("pan",)), *_signals(xs_image, names)],
            sharpened=sharpened,
            ortho=ortho,
            surface=surface,
        )
        files = [image, mask, *papers.written]
        _publish(files, out)
    except KeyboardInterrupt:
        raise  # what is done is kept, to go on with
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(work, ignore_errors=True)
    return _told(out, name, papers, found, cover, error)


def _check_target(out: Path, name: str) -> None:
    if out.is_file():
        raise InputError(f"cannot write {out}: it is a file, a product is a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / f"{name}.quality.json").is_file():
        raise InputError(f"{out} holds other files than the product {name}: give a new or empty folder")


def _check_pair(pan: SensorImage, xs: SensorImage) -> None:
    if len(pan.bands) != 1:
        raise InputError(f"{pan.path} has {len(pan.bands)} bands: a panchromatic image has one")
    if len(xs.bands) < 3:
        raise InputError(
            f"{xs.path} has {len(xs.bands)} band(s): a colour product needs red, green and blue at least"
        )
    for one in (pan, xs):
        if one.dtype not in ("uint8", "uint16", "float32"):
            raise InputError(f"{one.path} is of type {one.dtype}: give uint8, uint16 or float32")


def _names(xs: Path, bands: Sequence[str] | None) -> tuple[str, ...]:
    from comity.imagery.scenery.spectra import bands_of

    with opened(xs) as image:
        names = band_names(xs, image, bands)
    bands_of(names)
    return names


def _facts(
    pan: SensorImage, xs: SensorImage, dem: Dem, metadata: Path | None, given: SceneFacts | None
) -> SceneFacts:
    known = merged(
        given or SceneFacts(),
        *((read_metadata(metadata),) if metadata else ()),
        tagged([pan.path, xs.path], [pan.tags, xs.tags]),
    )
    if known.start is None:
        raise InputError(
            f"{pan.path} does not say when it was taken: give --time, or --metadata with a datetime"
        )
    rows, cols = pan.shape
    middle = pan.model.locate((cols - 1) / 2, (rows - 1) / 2, sum(pan.model.heights_m) / 2)
    return completed(known, pan.model, dem.typical_height(float(middle[0]), float(middle[1])))


def _prepare(work: Path, recipe: str) -> None:
    """A folder for what is being made; what another recipe left in it goes."""
    stamp = work / "recipe"
    try:
        if work.exists() and not (stamp.is_file() and stamp.read_text(encoding="utf-8") == recipe):
            shutil.rmtree(work)
        work.mkdir(parents=True, exist_ok=True)
        stamp.write_text(recipe, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot make folder {work}: {error.strerror or error}") from error


def _images(
    inputs: ProductInputs,
    work: Path,
    name: str,
    area: BaseGeometry,
    names: Sequence[str],
    crs: str | None,
    pixel_m: float | None,
    surface: str | None,
    facts: SceneFacts,
    workers: int | None,
    progress: Progress,
) -> tuple[PansharpenResult, Path, Laid]:
    """What sharpening told, the sharpened image on the map, cut to the area, and what that told."""
    sharpened = pansharpen(
        inputs.pan,
        inputs.xs,
        work / f"{name}.sharp.tif",
        dem=inputs.dem,
        judge=True,
        bands=names,
        workers=workers,
        progress=_step(progress, "pansharpening"),
    )
    image = work / f"{name}.tif"
    on_map = image if surface is None else work / f"{name}.toa.tif"
    ortho = lay_on_map(
        inputs, sharpened.path, on_map, area, crs, pixel_m, facts, workers, _step(progress, "orthorectifying")
    )
    if surface is not None:
        surface_reflectance(
            on_map,
            image,
            look=look_of(on_map, facts),
            method=surface,
            workers=workers,
            progress=_step(progress, "atmosphere"),
        )
    return sharpened, image, ortho


def _step(progress: Progress, name: str) -> Progress:
    def told(done: float, total: float, message: str, /) -> None:
        progress(done, total, f"{name}: {message}")

    return told


def _error(
    inputs: ProductInputs, image: Path, reference: Path | None, points: Any, pixel_m: float
) -> GeometricError | None:
    if reference is None:
        return None
    if points is None:
        return errors_against(image, reference)
    return errors_at_points(points, inputs.pan.model, inputs.dem.heights, pixel_m=pixel_m)


def _is_raster(path: Path) -> bool:
    return path.suffix.lower() in (".tif", ".tiff", ".vrt", ".jp2", ".img")


def _signals(image: SensorImage, names: Sequence[str]) -> list[BandSignal]:
    """Noise in the middle of an input, as it came: resampling would smooth it."""

    rows, cols = image.shape
    height, width = min(rows, _SNR_SIDE), min(cols, _SNR_SIDE)
    window = Window((cols - width) // 2, (rows - height) // 2, width, height)
    with image.reader() as reader:
        counts = reader.read(window)
    valid = np.isfinite(counts).all(axis=0)
    if image.nodata is not None:
        valid &= (counts != image.nodata).all(axis=0)
    return estimate_snr(counts, valid, names)


def _publish(files: Sequence[Path], out: Path) -> None:
    with whole_path(out) as part:
        part.mkdir()
        for file in files:
            file.replace(part / file.name)


def _told(
    out: Path,
    name: str,
    papers: dossier.Papers,
    found: MaskFigures,
    cover: Coverage,
    error: GeometricError | None,
) -> ProductFiles:
    record = papers.record
    return ProductFiles(
        id=name,
        folder=out,
        item=out / f"{name}.json",
        image=out / f"{name}.tif",
        mask=out / f"{name}.mask.tif",
        quicklook=out / f"{name}.png",
        thumbnail=out / f"{name}.thumbnail.png",
        report=out / f"{name}.quality.html",
        figures=out / f"{name}.quality.json",
        crs=record["grid"]["crs"],
        pixel_m=record["grid"]["pixel_m"],
        width=record["grid"]["width"],
        height=record["grid"]["height"],
        cloud=found.cloud,
        usable=found.usable,
        coverage=cover.fraction,
        location_rms_m=error.rms_m if error else None,
        bytes=sum(path.stat().st_size for path in out.iterdir()),
        notes=tuple(record["notes"]),
    )
