"""Where Sun and sensor stand over a map image."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from comity.core import InputError
from comity.imagery.processing.atmosphere import Look
from comity.imagery.processing.masks import Geometry
from comity.imagery.processing.readout import opened
from comity.imagery.products.facts import SceneFacts, merged, read_metadata, sun_at, tagged

if TYPE_CHECKING:
    from rasterio.io import DatasetReader


def facts_of_map(image: Path, given: SceneFacts, metadata: Path | None) -> SceneFacts:
    """What is given, then what the metadata and the image's tags say, the Sun filled in from the time."""
    with opened(image) as file:
        facts = merged(
            given, *((read_metadata(metadata),) if metadata else ()), tagged([image], [dict(file.tags())])
        )
        if facts.start is not None and (facts.sun_elevation_deg is None or facts.sun_azimuth_deg is None):
            lon, lat = _middle(file, image)
            elevation, azimuth = sun_at(lon, lat, facts.start)
            facts = replace(facts, sun_elevation_deg=elevation, sun_azimuth_deg=azimuth)
    return facts


def geometry_of(image: Path, facts: SceneFacts) -> Geometry | None:
    """Sun and view from grid north of the image's map; None where the Sun is not known or not up."""
    if facts.sun_elevation_deg is None or facts.sun_azimuth_deg is None or facts.sun_elevation_deg <= 0:
        return None
    turn = convergence_deg(image)
    return Geometry(
        sun_elevation_deg=facts.sun_elevation_deg,
        sun_azimuth_deg=(facts.sun_azimuth_deg + turn) % 360.0,
        view_zenith_deg=min(facts.incidence_deg or 0.0, 70.0),
        view_azimuth_deg=((facts.view_azimuth_deg or 0.0) + turn) % 360.0,
    )


def look_of(image: Path, facts: SceneFacts) -> Look:
    """Zenith angles and the azimuth between Sun and sensor. Raises :class:`InputError` without a Sun."""
    if facts.sun_elevation_deg is None:
        raise InputError(
            f"{image}: where the Sun stood is not known: give --sun-elevation and --sun-azimuth, --time or "
            "--metadata"
        )
    azimuth = abs((facts.sun_azimuth_deg or 0.0) - (facts.view_azimuth_deg or 0.0)) % 360.0
    return Look(
        sun_zenith_deg=90.0 - facts.sun_elevation_deg,
        view_zenith_deg=facts.incidence_deg or 0.0,
        azimuth_deg=min(azimuth, 360.0 - azimuth),
    )


def convergence_deg(image: Path) -> float:
    """Azimuth of true north on the map at the image's centre, degrees clockwise from grid north."""
    from pyproj import Transformer

    with opened(image) as file:
        lon, lat = _middle(file, image)
        there = Transformer.from_crs("OGC:CRS84", file.crs.to_wkt(), always_xy=True)
    step = 1e-3 if lat < 89.9 else -1e-3
    x0, y0 = there.transform(lon, lat)
    x1, y1 = there.transform(lon, lat + step)
    sign = math.copysign(1.0, step)
    return math.degrees(math.atan2(sign * (x1 - x0), sign * (y1 - y0)))


def _middle(file: DatasetReader, image: Path) -> tuple[float, float]:
    from pyproj import Transformer

    if file.crs is None:
        raise InputError(f"{image} lies on no map: orthorectify it first")
    back = Transformer.from_crs(file.crs.to_wkt(), "OGC:CRS84", always_xy=True)
    west, south, east, north = file.bounds
    lon, lat = back.transform((west + east) / 2, (south + north) / 2)
    return float(lon), float(lat)
