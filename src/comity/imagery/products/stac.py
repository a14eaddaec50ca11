"""STAC 1.1 Items for simulated acquisitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pystac import Asset, MediaType

from comity.core import Interval
from comity.imagery.acquisition import Acquisition
from comity.imagery.grid import ImageGrid
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
from comity.imagery.scenery.spectra import Band


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
    properties: dict[str, Any] = {
        "title": f"SIMULATED image: {acquisition.spacecraft}, {acquisition.target}, {span.middle.iso(0)}",
        "description": (
            "Simulated product: made by Comity from public maps, relief and climate for this place and "
            "geometry, not taken by a spacecraft."
        ),
        **instants(acquisition.start, acquisition.end),
        "platform": acquisition.spacecraft,
        "instruments": [acquisition.instrument],
        "gsd": grid.pixel_m,
        "license": "other",
        "providers": providers(acquisition.providers),
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
    return item_document(
        id=acquisition.id,
        footprint=acquisition.footprint,
        span=span,
        properties=properties,
        assets={
            "image": _image_asset(image, grid, bands, scales),
            "quicklook": file_asset(
                _entry(quicklook), "Quicklook, marked SIMULATED", MediaType.PNG, ["overview", "thumbnail"]
            ),
        },
    )


def _entry(file: Mapping[str, Any]) -> FileEntry:
    return FileEntry(href=str(file["href"]), checksum=file["checksum"], size=file["size"])


def _image_asset(
    entry: Mapping[str, Any], grid: ImageGrid, bands: Sequence[Band], scales: Sequence[float]
) -> Asset:
    return image_asset(
        ImageEntry(
            file=_entry(entry),
            title="Simulated image, Cloud-Optimised GeoTIFF",
            description=(
                f"Pixels of {grid.pixel_m:g} m. Reflective bands: top-of-atmosphere reflectance × 10 000; "
                "thermal bands: brightness temperature in hundredths of a kelvin; 0 is no data."
            ),
            roles=["data"],
            bands=[
                BandEntry(
                    name=band.name,
                    common=band.name if band.common else None,
                    centre_um=band.centre_um,
                    width_um=band.width_um,
                    data_type="uint16",
                    nodata=0,
                    unit="K" if band.thermal else "1",
                    scale=scale,
                    offset=0.0,
                )
                for band, scale in zip(bands, scales, strict=True)
            ],
            code=f"EPSG:{grid.epsg}",
            width=grid.width,
            height=grid.height,
            pixel_m=grid.pixel_m,
            transform=grid.transform,
            bounds=grid.bounds,
        )
    )
