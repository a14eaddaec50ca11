"""The STAC Item of a processed product."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from comity.core import Epoch, Interval
from comity.imagery.geometry.model import SensorModel
from comity.imagery.processing.masks import CLASSES, NODATA
from comity.imagery.products.area import Coverage
from comity.imagery.products.facts import SceneFacts
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
from comity.imagery.scenery.spectra import BANDS


def product_item(
    name: str,
    image: Path,
    mask: Path,
    paths: Mapping[str, Path],
    record: Mapping[str, Any],
    facts: SceneFacts,
    cover: Coverage,
    model: SensorModel,
    grid: Mapping[str, Any],
    bands: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    from pystac import MediaType

    assert facts.start is not None
    end = facts.end if facts.end is not None and facts.end > facts.start else _moment_after(facts.start)
    span = Interval(facts.start, end)
    place = ", ".join(one for one in (facts.platform, span.middle.iso(0)) if one)
    error = record["geometry"]["error"]
    native = native_gsd_m(model)
    properties: dict[str, Any] = {
        "title": f"{'SIMULATED: ' if facts.simulated else ''}{name}: {place}",
        "description": (
            f"Pansharpened orthoimage, {record['radiometry']['quantity']}."
            + (" Simulated: made, not taken by a spacecraft." if facts.simulated else "")
        ),
        **instants(facts.start, end),
        **({"platform": facts.platform} if facts.platform else {}),
        **({"instruments": list(facts.instruments)} if facts.instruments else {}),
        "gsd": grid["pixel_m"],
        "license": facts.licence,
        "providers": providers((*facts.providers, ("Comity", "processor"))),
        "eo:cloud_cover": round(100.0 * record["mask"]["cloud"], 2),
        **_angles(facts),
        **({"sat:orbit_state": facts.orbit_state} if facts.orbit_state else {}),
        **({"sat:absolute_orbit": facts.orbit} if facts.orbit is not None else {}),
        "processing:level": record["level"],
        "processing:lineage": _lineage(record),
        "processing:software": dict(record["software"]),
        "comity:simulated": facts.simulated,
        "comity:order": facts.order or name,
        "comity:native_gsd_m": round(native, 3),
        "comity:usable": round(100.0 * record["mask"]["usable"], 2),
        "comity:cloud_shadow": round(100.0 * record["mask"]["shadow"], 2),
        "comity:water": round(100.0 * record["mask"]["water"], 2),
        "comity:area_covered": round(100.0 * cover.fraction, 2),
        "comity:values": record["radiometry"]["quantity"],
        "comity:facts_from": list(facts.sources),
    }
    if grid["crs"].startswith("EPSG:"):
        properties["proj:code"] = grid["crs"]
    if error is not None:
        properties["comity:location_rms_m"] = round(error["rms_m"], 3)
    shared: dict[str, Any] = {
        "code": properties.get("proj:code"),
        "width": grid["width"],
        "height": grid["height"],
        "pixel_m": grid["pixel_m"],
        "transform": grid["transform"],
        "bounds": grid["bounds"],
    }
    reflectance = grid["is_reflectance"]
    assets = {
        "image": image_asset(
            ImageEntry(
                file=_entry(image),
                title="Pansharpened orthoimage, Cloud-Optimised GeoTIFF",
                description=f"{record['radiometry']['quantity']}; 0 is no data.",
                roles=["data", *(["reflectance"] if reflectance else [])],
                bands=[_band(one, grid, reflectance) for one in bands],
                **shared,
            )
        ),
        "mask": image_asset(
            ImageEntry(
                file=_entry(mask),
                title="Classes: cloud, cloud shadow, water, clear",
                description="; ".join(f"{value} {what}" for value, what in CLASSES.items()),
                roles=["metadata", "cloud", "cloud-shadow", "water-mask"],
                bands=[
                    BandEntry(
                        name="mask",
                        common=None,
                        centre_um=None,
                        width_um=None,
                        data_type="uint8",
                        nodata=NODATA,
                        unit=None,
                        scale=None,
                        offset=None,
                    )
                ],
                **shared,
            )
        ),
        "quicklook": file_asset(_entry(paths["quicklook"]), "Quicklook", MediaType.PNG, ["overview"]),
        "thumbnail": file_asset(_entry(paths["thumbnail"]), "Thumbnail", MediaType.PNG, ["thumbnail"]),
        "quality": file_asset(_entry(paths["report"]), "Quality report", MediaType.HTML, ["metadata"]),
        "quality-figures": file_asset(
            _entry(paths["figures"]), "Quality report, figures", MediaType.JSON, ["metadata"]
        ),
    }
    return item_document(id=name, footprint=cover.seen, span=span, properties=properties, assets=assets)


def native_gsd_m(model: SensorModel) -> float:
    """Distance on the ground between neighbouring pixels in the middle of an image: geometric mean, m."""
    from pyproj import Geod

    rows, cols = model.shape
    col, row, height = (cols - 1) / 2, (rows - 1) / 2, sum(model.heights_m) / 2
    lon, lat = model.locate(np.array([col, col + 1, col]), np.array([row, row, row + 1]), height)
    _, _, apart = Geod(ellps="WGS84").inv([lon[0]] * 2, [lat[0]] * 2, lon[1:], lat[1:])
    return float(math.sqrt(apart[0] * apart[1]))


def _band(band: Mapping[str, Any], grid: Mapping[str, Any], reflectance: bool) -> BandEntry:
    known = BANDS.get(band["name"])
    keys = ("minimum", "maximum", "mean", "stddev", "valid_percent")
    return BandEntry(
        name=band["name"],
        common=band["name"] if known is not None and known.common else None,
        centre_um=known.centre_um if known else None,
        width_um=known.width_um if known else None,
        data_type=grid["dtype"],
        nodata=grid["nodata"],
        unit="1" if reflectance else None,
        scale=band["scale"] if reflectance else None,
        offset=band["offset"] if reflectance else None,
        statistics={key: band[key] for key in keys},
    )


def _angles(facts: SceneFacts) -> dict[str, float]:
    found = {
        "view:off_nadir": facts.off_nadir_deg,
        "view:incidence_angle": facts.incidence_deg,
        "view:azimuth": facts.view_azimuth_deg,
        "view:sun_azimuth": facts.sun_azimuth_deg,
        "view:sun_elevation": facts.sun_elevation_deg,
    }
    return {key: round(value, 4) for key, value in found.items() if value is not None}


def _lineage(record: Mapping[str, Any]) -> str:
    geometry = record["geometry"]
    inputs = ", ".join(one["name"] for one in record["inputs"][:2])
    return (
        f"From {inputs}: {record['radiometry']['pansharpening']}; orthorectified on {geometry['dem']} with "
        f"{geometry['geoid']}; cut to the area; {record['radiometry']['quantity']}."
    )


def _entry(path: Path) -> FileEntry:
    return FileEntry(href=f"./{path.name}", checksum="1220" + sha256(path), size=path.stat().st_size)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _moment_after(start: Epoch) -> Epoch:
    """STAC wants an interval; of an image whose end is not told it lasts a millisecond."""
    return start + 1e-3
