"""What can be read: a GeoTIFF on the map, alone or as the data asset of a STAC Item."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from comity.core import Epoch, InputError, read_text
from comity.imagery.reading.expression import Expression, expression_of

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

#: Properties of an Item that tell where its pixels come from.
_PROVENANCE = (
    "platform", "instruments", "gsd", "eo:cloud_cover", "view:off_nadir", "view:sun_elevation",
    "processing:level", "processing:lineage", "license", "comity:simulated", "comity:order",
)  # fmt: skip
_DATETIME = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class BandInfo:
    """One band. ``names``: all it answers to, the one shown first; physical = count × scale + offset."""

    index: int
    names: tuple[str, ...]
    scale: float
    offset: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An image that can be read.

    ``nodata``: the count that says there is none (None: a mask, an alpha band or NaN says it).
    ``transform``: a, b, c, d, e, f of pixel corners to ``crs`` (WKT). ``when``: middle of the acquisition.
    ``provenance``: what is known of where it comes from. ``mask``: the Item's file of classes, of those that
    ``comity.imagery.processing.masks`` writes; of others the coding is not known.
    """

    path: Path
    item: Path | None
    id: str
    when: Epoch | None
    bands: tuple[BandInfo, ...]
    nodata: float | None
    crs: str
    transform: tuple[float, float, float, float, float, float]
    width: int
    height: int
    provenance: Mapping[str, Any] = field(default_factory=dict)
    mask: Path | None = None

    def band(self, name: str) -> BandInfo:
        """The band of this name (any case) or number (``b1``); raises :class:`InputError` for none."""
        wanted = name.lower()
        for one in self.bands:
            if wanted in (each.lower() for each in one.names):
                return one
        known = ", ".join(one.names[0] for one in self.bands)
        raise InputError(f"{self.path} has no band {name!r}; it has {known}")

    def resolve(
        self, bands: Sequence[str] | None, expression: str | Expression | None
    ) -> tuple[tuple[BandInfo, ...], Expression | None]:
        """The bands to read for a choice of bands, an expression, or (neither) all bands."""
        if bands is not None and expression is not None:
            raise InputError("give bands or an expression, not both")
        if expression is not None:
            maths = expression_of(expression) if isinstance(expression, str) else expression
            return tuple(self.band(name) for name in maths.names), maths
        return (self.bands if bands is None else tuple(self.band(name) for name in bands)), None


def open_source(place: Source | Path | str, *, asset: str | None = None) -> Source:
    """The image at ``place``: a GeoTIFF, or a STAC Item (``.json``) whose data asset is a local GeoTIFF.

    ``asset``: which one of an Item, where it has several with the role "data" (default: ``image``, else the
    first). Band names come from the Item (common names first) and the file's descriptions; scale and offset
    from the file, or from the Item where the file has none. Raises :class:`InputError` naming the file: not
    there, not readable, not on a map, Item and file at odds.
    """
    if isinstance(place, Source):
        return place
    path = Path(place)
    if path.suffix.lower() not in (".json", ".geojson"):
        if asset is not None:
            raise InputError(f"{path} is no STAC Item: it has no asset {asset!r}")
        return _source(path, None, {}, {})
    try:
        document = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("type") != "Feature" or "assets" not in document:
        raise InputError(f"{path} is no STAC Item: type is not Feature, or it has no assets")
    name, chosen = _asset(path, document["assets"], asset)
    return _source(_local(path, name, chosen), path, document, chosen)


def _asset(path: Path, assets: Mapping[str, Any], wanted: str | None) -> tuple[str, Mapping[str, Any]]:
    if wanted is not None:
        if wanted not in assets:
            raise InputError(f"{path} has no asset {wanted!r}; it has {', '.join(assets)}")
        return wanted, assets[wanted]
    data = {
        name: each
        for name, each in assets.items()
        if "tiff" in str(each.get("type", "")) and "data" in each.get("roles", ("data",))
    }
    if not data:
        raise InputError(f"{path} has no GeoTIFF asset with the role data; it has {', '.join(assets)}")
    name = "image" if "image" in data else next(iter(data))
    return name, data[name]


def _local(path: Path, name: str, asset: Mapping[str, Any]) -> Path:
    href = str(asset.get("href", ""))
    parts = urlparse(href)
    if parts.scheme not in ("", "file") or not parts.path:
        raise InputError(f"{path}: asset {name!r} is at {href}: fetch it first, only files are read")
    return path.parent / unquote(parts.path)


def _source(path: Path, item: Path | None, document: Mapping[str, Any], asset: Mapping[str, Any]) -> Source:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    # Said below, as an error that tells the way out.
    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
    if not path.is_file():
        raise InputError(f"there is no image {path}" + (f" (named by {item})" if item else ""))
    try:
        with rasterio.open(path) as image:
            if image.crs is None or image.transform.is_identity:
                raise InputError(
                    f"{path} is not on a map (no coordinate system): orthorectify it first, "
                    "comity process ortho"
                )
            properties = document.get("properties", {})
            told = _told(asset, image.count, item)
            return Source(
                path=path,
                item=item,
                id=str(document.get("id") or path.stem),
                when=_when(properties, image),
                bands=tuple(_band(image, number, told[number], path) for number in range(image.count)
                            if image.colorinterp[number].name != "alpha"),
                nodata=_nodata(image, told, path),
                crs=image.crs.to_wkt(),
                transform=tuple(image.transform)[:6],
                width=image.width,
                height=image.height,
                provenance={
                    **{name: properties[name] for name in _PROVENANCE if name in properties},
                    **({"file:checksum": asset["file:checksum"]} if "file:checksum" in asset else {}),
                },
                mask=_mask(item, document),
            )  # fmt: skip
    except RasterioError as error:
        raise InputError(f"{path} cannot be read as an image: {error}") from error


def _mask(item: Path | None, document: Mapping[str, Any]) -> Path | None:
    if item is None:
        return None
    from comity.imagery.processing.masks import CLASSES

    coding = "; ".join(f"{value} {what}" for value, what in CLASSES.items())
    for name, asset in document["assets"].items():
        if "cloud" in asset.get("roles", ()) and asset.get("description") == coding:
            return _local(item, name, asset)
    return None


def _told(asset: Mapping[str, Any], count: int, item: Path | None) -> list[dict[str, Any]]:
    """What an Item says of each band, from STAC 1.1 ``bands`` and from the extensions of before."""
    merged: list[dict[str, Any]] = [{} for _ in range(count)]
    for key in ("raster:bands", "eo:bands", "bands"):
        listed = asset.get(key)
        if listed is None:
            continue
        if len(listed) != count:
            raise InputError(f"{item}: {key} tells of {len(listed)} bands, the image has {count}")
        for band, told in zip(merged, listed, strict=True):
            for name, value in told.items():
                band[name.partition(":")[2] or name] = value
    return merged


def _band(image: DatasetReader, number: int, told: Mapping[str, Any], path: Path) -> BandInfo:
    names = [told.get("common_name"), told.get("name"), image.descriptions[number]]
    scale, offset = float(image.scales[number]), float(image.offsets[number])
    said = float(told.get("scale", 1.0)), float(told.get("offset", 0.0))
    if (scale, offset) == (1.0, 0.0):
        scale, offset = said
    elif ("scale" in told or "offset" in told) and not all(
        math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12) for a, b in zip(said, (scale, offset), strict=True)
    ):
        raise InputError(
            f"{path}, band {number + 1}: the file says scale {scale:g}, offset {offset:g}, its Item "
            f"{said[0]:g}, {said[1]:g}: mend one of them"
        )
    if not (math.isfinite(scale) and math.isfinite(offset) and scale != 0.0):
        raise InputError(f"{path}, band {number + 1}: scale {scale:g} or offset {offset:g} is no use")
    return BandInfo(
        index=number + 1,
        names=tuple(dict.fromkeys([*(str(name) for name in names if name), f"b{number + 1}"])),
        scale=scale,
        offset=offset,
        unit=str(told.get("unit") or image.units[number] or ""),
    )


def _nodata(image: DatasetReader, told: Sequence[Mapping[str, Any]], path: Path) -> float | None:
    values = {float(value) for value in image.nodatavals if value is not None}
    if not values:
        values = {float(band["nodata"]) for band in told if band.get("nodata") is not None}
    distinct = {str(value) for value in values}
    if len(distinct) > 1:
        raise InputError(f"{path}: bands have different nodata values ({', '.join(sorted(distinct))})")
    return next(iter(values), None)


def _when(properties: Mapping[str, Any], image: DatasetReader) -> Epoch | None:
    if isinstance(properties.get("datetime"), str):
        return Epoch.from_iso(properties["datetime"])
    if isinstance(properties.get("start_datetime"), str):
        start = Epoch.from_iso(properties["start_datetime"])
        end = Epoch.from_iso(str(properties.get("end_datetime") or properties["start_datetime"]))
        return start + (end - start) / 2.0
    found = _DATETIME.match(image.tags().get("TIFFTAG_DATETIME", ""))
    if found is None:
        return None
    return Epoch.from_iso(datetime(*(int(part) for part in found.groups())).isoformat() + "Z")  # type: ignore[arg-type]
