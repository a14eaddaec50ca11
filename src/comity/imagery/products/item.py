"""One way of writing STAC 1.1 Items, for simulated and for processed images alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from pystac import Asset, Item, MediaType, Provider
from pystac.provider import ProviderRole
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from comity.core import Epoch, Interval
from comity.imagery.products.schemas import extension_uri

Json = dict[str, Any]

#: Extension by the prefix of the fields that need it.
_PREFIXES = {
    "eo:": "eo",
    "file:": "file",
    "processing:": "processing",
    "proj:": "projection",
    "raster:": "raster",
    "sat:": "sat",
    "view:": "view",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """A file an Item points to: ``href``, ``checksum`` (multihash) and ``size`` in bytes."""

    href: str
    checksum: str
    size: int

    @property
    def fields(self) -> Json:
        """As fields of the file extension."""
        return {"file:checksum": self.checksum, "file:size": self.size}


@dataclass(frozen=True, slots=True, kw_only=True)
class BandEntry:
    """A band as STAC tells it. ``common``: STAC's own name for it. Wavelengths in µm, None for a mask."""

    name: str
    common: str | None
    centre_um: float | None
    width_um: float | None
    data_type: str
    nodata: float | str | None
    unit: str | None
    scale: float | None
    offset: float | None
    statistics: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageEntry:
    """A raster an Item points to. ``transform``: (a, b, c, d, e, f). ``bounds``: in the CRS."""

    file: FileEntry
    title: str
    description: str
    roles: Sequence[str]
    bands: Sequence[BandEntry]
    code: str | None
    width: int
    height: int
    pixel_m: float
    transform: Sequence[float]
    bounds: Sequence[float]
    extra: Mapping[str, Any] | None = None


def item_document(
    *,
    id: str,
    footprint: BaseGeometry,
    span: Interval,
    properties: Mapping[str, Any],
    assets: Mapping[str, Asset],
) -> Json:
    """An Item as plain JSON data, without links and collection (a catalogue adds them).

    Its ``datetime`` is the middle of ``span``. Extensions are declared for the fields that are there.
    """
    geometry, bbox = geojson(footprint)
    used = {
        extension
        for fields in (properties, *(asset.extra_fields for asset in assets.values()))
        for key in fields
        for prefix, extension in _PREFIXES.items()
        if key.startswith(prefix)
    }
    item = Item(
        id=id,
        geometry=geometry,
        bbox=bbox,
        datetime=span.middle.datetime,
        properties=dict(properties),
        stac_extensions=[extension_uri(name) for name in sorted(used)],
    )
    for key, asset in assets.items():
        item.add_asset(key, asset)
    document: Json = item.to_dict(include_self_link=False, transform_hrefs=False)
    document["properties"]["datetime"] = span.middle.iso()
    document["links"] = []
    return document


def image_asset(image: ImageEntry) -> Asset:
    """A raster with its bands, grid, checksum and size."""
    common = [
        {
            "name": band.name,
            "data_type": band.data_type,
            **_present(nodata=band.nodata, unit=band.unit),
            "gsd": image.pixel_m,
        }
        for band in image.bands
    ]
    eo = [
        {
            "name": band.name,
            **_present(
                common_name=band.common, center_wavelength=band.centre_um, full_width_half_max=band.width_um
            ),
        }
        for band in image.bands
    ]
    raster = [
        {
            "data_type": band.data_type,
            **_present(nodata=band.nodata, scale=band.scale, offset=band.offset, unit=band.unit),
            "sampling": "area",
            "spatial_resolution": image.pixel_m,
            **({"statistics": dict(band.statistics)} if band.statistics else {}),
        }
        for band in image.bands
    ]
    spectral = any(band.centre_um is not None for band in image.bands)
    return Asset(
        href=image.file.href,
        title=image.title,
        description=image.description,
        media_type=MediaType.COG,
        roles=list(image.roles),
        extra_fields={
            **image.file.fields,
            "bands": common,
            **({"eo:bands": eo} if spectral else {}),
            "raster:bands": raster,
            **({"proj:code": image.code} if image.code else {}),
            "proj:shape": [image.height, image.width],
            "proj:transform": [*image.transform, 0.0, 0.0, 1.0],
            "proj:bbox": list(image.bounds),
            **(image.extra or {}),
        },
    )


def file_asset(file: FileEntry, title: str, media_type: str, roles: Sequence[str]) -> Asset:
    """Any other file."""
    return Asset(
        href=file.href, title=title, media_type=media_type, roles=list(roles), extra_fields=file.fields
    )


def providers(pairs: Sequence[tuple[str, str]]) -> list[Json]:
    """STAC providers from (name, role) pairs, each name once with all its roles."""
    roles: dict[str, list[ProviderRole]] = {}
    for name, role in pairs:
        roles.setdefault(name, []).append(ProviderRole(role))
    return [Provider(name=name, roles=list(dict.fromkeys(taken))).to_dict() for name, taken in roles.items()]


def instants(start: Epoch, end: Epoch) -> Json:
    """The two ends of an acquisition as common metadata."""
    return {"start_datetime": start.iso(), "end_datetime": end.iso()}


def geojson(shape: BaseGeometry) -> tuple[Json, list[float]]:
    """GeoJSON geometry (RFC 7946: outer rings anticlockwise) and bbox; west > east over ±180°."""
    tidy = shapely.orient_polygons(shapely.transform(shape, lambda p: np.round(p, 7)))
    west, south, east, north = tidy.bounds
    if east - west > 180.0:
        parts = shapely.get_parts(tidy)
        west = min((part.bounds[0] for part in parts if part.bounds[0] > 0.0), default=west)
        east = max((part.bounds[2] for part in parts if part.bounds[2] <= 0.0), default=east)
    # Tuples become lists, as JSON has them.
    geometry = {"type": tidy.geom_type, "coordinates": _listed(mapping(tidy)["coordinates"])}
    return geometry, [west, south, east, north]


def _listed(value: Any) -> Any:
    return [_listed(one) for one in value] if isinstance(value, list | tuple) else value


def _present(**fields: Any) -> Json:
    return {key: value for key, value in fields.items() if value is not None}
