"""STAC 1.1 Items for acquisitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from pystac import Asset, Item, MediaType, Provider
from pystac.provider import ProviderRole
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from comity.core import Interval
from comity.imagery.acquisition import Acquisition
from comity.imagery.grid import ImageGrid
from comity.imagery.products.schemas import extension_uri
from comity.imagery.scenery.spectra import Band

_USED = ("eo", "file", "processing", "projection", "raster", "sat", "view")


def item_dict(
    acquisition: Acquisition,
    *,
    grid: ImageGrid,
    bands: Sequence[Band],
    scales: Sequence[float],
    image: Mapping[str, Any],
    quicklook: Mapping[str, Any],
    lineage: str,
    software: Mapping[str, str],
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    """The Item of an acquisition as plain JSON data, without links and collection (a catalogue adds them).

    ``image``, ``quicklook``: ``href``, ``checksum`` (multihash) and ``size`` (bytes) of the files.
    ``extra``: further properties, under the prefix ``comity:``.
    """
    span = Interval(acquisition.start, acquisition.end)
    geometry, bbox = geojson(acquisition.footprint)
    properties: dict[str, Any] = {
        "title": f"SIMULATED image: {acquisition.spacecraft}, {acquisition.target}, {span.middle.iso(0)}",
        "description": (
            "Simulated product: made by Comity from public maps, relief and climate for this place and "
            "geometry, not taken by a spacecraft."
        ),
        "start_datetime": acquisition.start.iso(),
        "end_datetime": acquisition.end.iso(),
        "platform": acquisition.spacecraft,
        "instruments": [acquisition.instrument],
        "gsd": grid.pixel_m,
        "license": "other",
        "providers": [provider.to_dict() for provider in _providers(acquisition)],
        "eo:cloud_cover": round(100.0 * acquisition.cloud, 2),
        "view:off_nadir": round(acquisition.off_nadir_deg, 4),
        "view:incidence_angle": round(acquisition.incidence_deg, 4),
        "view:azimuth": round(acquisition.view_azimuth_deg % 360.0, 4),
        "view:sun_azimuth": round(acquisition.sun_azimuth_deg % 360.0, 4),
        "view:sun_elevation": round(acquisition.sun_elevation_deg, 4),
        "sat:orbit_state": "ascending" if acquisition.ascending else "descending",
        "proj:code": f"EPSG:{grid.epsg}",
        "processing:level": "L1",
        "processing:lineage": lineage,
        "processing:software": dict(software),
        "comity:simulated": True,
        "comity:acquisition_simulated": acquisition.simulated,
        "comity:order": acquisition.order,
        "comity:target": acquisition.target,
        "comity:norad_id": acquisition.norad_id,
        "comity:native_gsd_m": round(acquisition.native_gsd_m, 3),
        "comity:delivered_gsd_m": round(acquisition.delivered_gsd_m, 3),
        "comity:pixel_m": grid.pixel_m,
        "comity:licence": acquisition.licence,
        "comity:cloud_source": acquisition.cloud_source,
        "comity:elements_source": acquisition.elements_source,
        "comity:elements_epoch": acquisition.elements_epoch.iso(),
        "comity:elements_age_h": round((acquisition.start - acquisition.elements_epoch) / 3600.0, 2),
        "comity:station": acquisition.station,
        **extra,
    }
    item = Item(
        id=acquisition.id,
        geometry=geometry,
        bbox=bbox,
        datetime=span.middle.datetime,
        properties=properties,
        stac_extensions=[extension_uri(name) for name in _USED],
    )
    item.add_asset("image", _image_asset(image, grid, bands, scales))
    item.add_asset(
        "quicklook",
        Asset(
            href=str(quicklook["href"]),
            title="Quicklook, marked SIMULATED",
            media_type=MediaType.PNG,
            roles=["overview", "thumbnail"],
            extra_fields=_file(quicklook),
        ),
    )
    document = item.to_dict(include_self_link=False, transform_hrefs=False)
    document["properties"]["datetime"] = span.middle.iso()
    document["links"] = []
    return document


def geojson(shape: BaseGeometry) -> tuple[dict[str, Any], list[float]]:
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


def _providers(acquisition: Acquisition) -> list[Provider]:
    roles: dict[str, list[ProviderRole]] = {}
    for name, role in acquisition.providers:
        roles.setdefault(name, []).append(ProviderRole(role))
    return [Provider(name=name, roles=list(dict.fromkeys(taken))) for name, taken in roles.items()]


def _file(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"file:checksum": entry["checksum"], "file:size": entry["size"]}


def _image_asset(
    entry: Mapping[str, Any], grid: ImageGrid, bands: Sequence[Band], scales: Sequence[float]
) -> Asset:
    common = [
        {
            "name": band.name,
            "data_type": "uint16",
            "nodata": 0,
            "unit": "K" if band.thermal else "1",
            "gsd": grid.pixel_m,
        }
        for band in bands
    ]
    eo = [
        {
            "name": band.name,
            **({"common_name": band.name} if band.common else {}),
            "center_wavelength": band.centre_um,
            "full_width_half_max": band.width_um,
        }
        for band in bands
    ]
    raster = [
        {
            "data_type": "uint16",
            "nodata": 0,
            "scale": scale,
            "offset": 0.0,
            "unit": "K" if band.thermal else "1",
            "sampling": "area",
            "spatial_resolution": grid.pixel_m,
        }
        for band, scale in zip(bands, scales, strict=True)
    ]
    a, b, c, d, e, f = grid.transform
    return Asset(
        href=str(entry["href"]),
        title="Simulated image, Cloud-Optimised GeoTIFF",
        description=(
            f"Pixels of {grid.pixel_m:g} m. Reflective bands: top-of-atmosphere reflectance × 10 000; "
            "thermal bands: brightness temperature in hundredths of a kelvin; 0 is no data."
        ),
        media_type=MediaType.COG,
        roles=["data"],
        extra_fields={
            **_file(entry),
            "bands": common,
            "eo:bands": eo,
            "raster:bands": raster,
            "proj:code": f"EPSG:{grid.epsg}",
            "proj:shape": [grid.height, grid.width],
            "proj:transform": [a, b, c, d, e, f, 0.0, 0.0, 1.0],
            "proj:bbox": list(grid.bounds),
        },
    )
