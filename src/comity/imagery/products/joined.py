"""A mosaic as a product: the images of one area joined along seams, cut to it, with its own Item."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rasterio
import shapely
from pystac import MediaType
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.shutil import copy as copy_raster
from rasterio.vrt import WarpedVRT
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

import comity
from comity.core import Epoch, InputError, Interval, Progress, read_text, silent, whole_path, write_whole
from comity.imagery.products.files import file_name, folder, json_bytes, multihash
from comity.imagery.products.item import (
    BandEntry,
    FileEntry,
    ImageEntry,
    file_asset,
    image_asset,
    instants,
    item_document,
    providers,
)
from comity.imagery.products.quicklook import quicklook_png
from comity.imagery.products.schemas import validate_item
from comity.imagery.scenery.spectra import BANDS

if TYPE_CHECKING:
    from comity.imagery.processing.mosaic import MosaicResult

_METHOD = "joined 1"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedFiles:
    """The files of one mosaic, and the Items it was made of. ``reused``: they were there, nothing changed."""

    id: str
    item: Path
    image: Path
    quicklook: Path
    parts: tuple[str, ...]
    reused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    item: Path
    document: Json
    image: Path
    bands: tuple[str, ...]
    crs: CRS


def join_items(
    items: Sequence[Path],
    area: BaseGeometry,
    out_dir: Path,
    *,
    id: str,
    place: str,
    order: str,
    quicklook_px: int = 1024,
    progress: Progress = silent,
) -> JoinedFiles:
    """Make one image of an area out of its Items, best first, in ``out_dir/ID/``; the folder appears whole.

    The mosaic has the bands that all images have, lies in the projection most of them lie in, on the grid of
    the first there, and shows under cloud in one image what another saw clear. ``area``: lon, lat degrees.
    ``place``: what it is called; ``order``: the Item's collection. What was made from the same
    Items before is kept.

    Raises :class:`InputError` for fewer than two Items, images without a common band, and naming a file that
    cannot be read or written.
    """
    from comity.imagery.processing.blocks import fingerprint
    from comity.imagery.processing.cut import cut

    if len(items) < 2:
        raise InputError(f"mosaic of {place}: {len(items)} image(s), it takes two")
    parts = [_part(item) for item in items]
    bands = _common(parts)
    if not bands:
        raise InputError(f"mosaic of {place}: its images have no band in common")
    home = Path(out_dir) / file_name(id)
    recipe = fingerprint(
        _METHOD, [part.document["assets"]["image"] for part in parts], area.wkt, quicklook_px
    )
    files = JoinedFiles(
        id=id,
        item=home / f"{home.name}.json",
        image=home / f"{home.name}.tif",
        quicklook=home / f"{home.name}.png",
        parts=tuple(part.document["id"] for part in parts),
        reused=True,
    )
    if _is_kept(files, recipe):
        return files
    with whole_path(home) as new:
        work = folder(new / "work")
        joined = _join(parts, bands, work, progress)
        image = new / files.image.name
        cut(joined.path, area, image)
        for leftover in sorted(work.iterdir()):
            leftover.unlink()
        work.rmdir()
        picture = _picture(image, parts, place, quicklook_px)
        write_whole(new / files.quicklook.name, picture)
        document = _document(files, new, parts, joined, place=place, order=order, recipe=recipe)
        validate_item(document)
        write_whole(new / files.item.name, json_bytes(document))
    return JoinedFiles(
        id=id,
        item=files.item,
        image=files.image,
        quicklook=files.quicklook,
        parts=files.parts,
        reused=False,
    )


def common_bands(items: Sequence[Path]) -> tuple[str, ...]:
    """The bands that the images of all these Items have, in the first one's order."""
    return _common([_part(item) for item in items])


def _common(parts: Sequence[_Part]) -> tuple[str, ...]:
    return tuple(band for band in parts[0].bands if all(band in part.bands for part in parts))


def _part(item: Path) -> _Part:
    document = json.loads(read_text(item))
    try:
        image = item.parent / document["assets"]["image"]["href"]
        bands = tuple(band["name"] for band in document["assets"]["image"]["bands"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{item} is no Item of an image: {error} is missing") from error
    try:
        with rasterio.open(image) as opened:
            crs = opened.crs
    except rasterio.errors.RasterioIOError as error:
        raise InputError(f"cannot read {image}: {error}") from error
    if crs is None:
        raise InputError(f"{image} lies on no map: orthorectify it first")
    return _Part(item=item, document=document, image=image, bands=bands, crs=crs)


def _is_kept(files: JoinedFiles, recipe: str) -> bool:
    try:
        known = json.loads(files.item.read_text(encoding="utf-8"))
        whole = known["assets"]["image"]["file:size"] == files.image.stat().st_size
        return bool(whole and known["properties"]["comity:recipe"] == recipe and files.quicklook.is_file())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _join(parts: Sequence[_Part], bands: Sequence[str], work: Path, progress: Progress) -> MosaicResult:
    from comity.imagery.processing.masks import mask_image
    from comity.imagery.processing.mosaic import mosaic
    from comity.imagery.products.facts import read_metadata
    from comity.imagery.products.sun import geometry_of

    crs = Counter(part.crs.to_wkt() for part in parts).most_common(1)[0][0]
    images, masks = [], []
    for number, part in enumerate(parts):
        progress(number, len(parts) + 1, part.document["id"])
        image, mask = part.image, work / f"mask-{number}.tif"
        mask_image(image, mask, geometry_of(image, read_metadata(part.item)))
        if part.crs.to_wkt() != crs or part.bands != tuple(bands):
            image = _like(part, CRS.from_wkt(crs), bands, work / f"image-{number}.tif")
            if part.crs.to_wkt() != crs:
                mask = _moved(mask, CRS.from_wkt(crs), work / f"moved-{number}.tif")
        images.append(image)
        masks.append(mask)
    progress(len(parts), len(parts) + 1, "seams")
    return mosaic(images, work / "mosaic.tif", masks=masks)


def _like(part: _Part, crs: CRS, bands: Sequence[str], out: Path) -> Path:
    """The image in this projection with these bands, values as they were."""
    chosen = [part.bands.index(band) + 1 for band in bands]
    with (
        rasterio.open(part.image) as source,
        WarpedVRT(source, crs=crs, resampling=Resampling.cubic, nodata=source.nodata) as moved,
        rasterio.open(
            out,
            "w",
            driver="GTiff",
            width=moved.width,
            height=moved.height,
            count=len(chosen),
            dtype=source.dtypes[0],
            crs=crs,
            transform=moved.transform,
            nodata=source.nodata,
            tiled=True,
            bigtiff="if_safer",
        ) as written,
    ):
        for _, window in written.block_windows():
            written.write(moved.read(chosen, window=window), window=window)
        written.descriptions = bands
        written.scales = [source.scales[index - 1] for index in chosen]
        written.offsets = [source.offsets[index - 1] for index in chosen]
        written.update_tags(**source.tags())
    return out


def _moved(classes: Path, crs: CRS, out: Path) -> Path:
    """A class raster in another projection."""
    with rasterio.open(classes) as source, WarpedVRT(source, crs=crs, resampling=Resampling.nearest) as moved:
        copy_raster(moved, out, driver="GTiff")
    return out


def _picture(image: Path, parts: Sequence[_Part], place: str, side: int) -> bytes:
    simulated = _simulated(parts)
    with rasterio.open(image) as opened:
        pixel = abs(opened.transform.a)
        caption = [
            f"{place} · mosaic of {len(parts)} images, {_days(parts)}",
            f"Pixel {pixel:.4g} m · {', '.join(_platforms(parts))}",
        ]
        cloud = min(float(part.document["properties"].get("eo:cloud_cover", 0.0)) for part in parts)
        return quicklook_png(
            opened, None, caption, "SIMULATED" if simulated else None, cloud / 100.0, size_px=side
        )


def _simulated(parts: Sequence[_Part]) -> bool:
    return any(part.document["properties"].get("comity:simulated") for part in parts)


def _platforms(parts: Sequence[_Part]) -> list[str]:
    return sorted({part.document["properties"]["platform"] for part in parts})


def _span(parts: Sequence[_Part]) -> Interval:
    properties = [part.document["properties"] for part in parts]
    return Interval(
        min(Epoch.from_iso(one["start_datetime"]) for one in properties),
        max(Epoch.from_iso(one["end_datetime"]) for one in properties),
    )


def _days(parts: Sequence[_Part]) -> str:
    span = _span(parts)
    first, last = span.start.iso(0)[:10], span.end.iso(0)[:10]
    return first if first == last else f"{first} to {last}"


def _document(
    files: JoinedFiles,
    home: Path,
    parts: Sequence[_Part],
    joined: MosaicResult,
    *,
    place: str,
    order: str,
    recipe: str,
) -> Json:
    from rasterio.warp import transform_geom

    simulated, span = _simulated(parts), _span(parts)
    properties = [part.document["properties"] for part in parts]
    with rasterio.open(home / files.image.name) as opened:
        image = _image(files, home, opened)
        footprint = shape(transform_geom(opened.crs, "OGC:CRS84", _outline(opened)))
    native = [one["comity:native_gsd_m"] for one in properties]
    told: Json = {
        "title": f"{'SIMULATED mosaic' if simulated else 'Mosaic'}: {place}, {_days(parts)}",
        "description": f"{len(parts)} images joined along seams where they differ least, levels balanced.",
        **instants(span.start, span.end),
        "platform": ", ".join(_platforms(parts)),
        "instruments": sorted({name for one in properties for name in one["instruments"]}),
        "gsd": image.pixel_m,
        "license": properties[0]["license"],
        "providers": providers(_providers(properties)),
        **({"proj:code": image.code} if image.code else {}),
        "processing:level": "L3",
        "processing:lineage": (
            f"Mosaic of {', '.join(files.parts)}: overlaps balanced by least squares"
            + (f" ({joined.before:.3f} to {joined.after:.3f} rms)" if joined.before and joined.after else "")
            + ", seams of least difference, blended; cut to the area asked for."
        ),
        "processing:software": {"comity": comity.__version__},
        "comity:simulated": simulated,
        "comity:order": order,
        "comity:target": place,
        "comity:native_gsd_m": max(native),
        "comity:pixel_m": image.pixel_m,
        "comity:shares": {id: round(one.share, 4) for id, one in zip(files.parts, joined.parts, strict=True)},
        "comity:recipe": recipe,
    }
    entry = _entry(home / files.quicklook.name)
    document = item_document(
        id=files.id,
        footprint=footprint,
        span=span,
        properties=told,
        assets={
            "image": image_asset(image),
            "quicklook": file_asset(entry, "Quicklook", MediaType.PNG, ["overview", "thumbnail"]),
        },
    )
    document["links"] = [
        {"rel": "derived_from", "href": _beside(part.item, files.item), "type": "application/geo+json"}
        for part in parts
    ]
    return document


def _providers(properties: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    pairs = [
        (provider["name"], role)
        for one in properties
        for provider in one.get("providers", ())
        for role in provider.get("roles", ())
    ]
    return list(dict.fromkeys(pairs))


def _beside(path: Path, item: Path) -> str:
    return Path(os.path.relpath(path, item.parent)).as_posix()


def _entry(path: Path) -> FileEntry:
    content = path.read_bytes()
    return FileEntry(href=f"./{path.name}", checksum=multihash(content), size=len(content))


def _outline(opened: rasterio.DatasetReader) -> Json:
    """Where the image has data, in its projection, drawn no finer than a hundredth of it."""
    from rasterio.features import shapes

    factor = max(1, max(opened.width, opened.height) // 256)
    size = (max(1, opened.height // factor), max(1, opened.width // factor))
    seen = opened.dataset_mask(out_shape=size) > 0
    grid = opened.transform @ rasterio.Affine.scale(opened.width / size[1], opened.height / size[0])
    found = [shape(one) for one, value in shapes(seen.astype("uint8"), mask=seen, transform=grid) if value]
    whole = shapely.union_all(found).simplify(2.0 * abs(grid.a))
    return dict(mapping(whole))


def _image(files: JoinedFiles, home: Path, opened: rasterio.DatasetReader) -> ImageEntry:
    code = opened.crs.to_epsg()
    entries = []
    for index, name in enumerate(opened.descriptions):
        band = BANDS.get(name)
        entries.append(
            BandEntry(
                name=name,
                common=name if band is not None and band.common else None,
                centre_um=band.centre_um if band else None,
                width_um=band.width_um if band else None,
                data_type=opened.dtypes[index],
                nodata=opened.nodata,
                unit="K" if band is not None and band.thermal else "1",
                scale=opened.scales[index],
                offset=opened.offsets[index],
            )
        )
    return ImageEntry(
        file=_entry(home / files.image.name),
        title="Mosaic, Cloud-Optimised GeoTIFF",
        description="Reflectance × 10 000 (thermal bands: hundredths of a kelvin); 0 is no data.",
        roles=["data"],
        bands=entries,
        code=f"EPSG:{code}" if code else None,
        width=opened.width,
        height=opened.height,
        pixel_m=abs(opened.transform.a),
        transform=tuple(opened.transform)[:6],
        bounds=tuple(opened.bounds),
    )
