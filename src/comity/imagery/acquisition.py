"""What an image is made from: the geometry of one acquisition as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from shapely.geometry.base import BaseGeometry

from comity.core import Epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """One executed act of imaging, with everything an Item must say about it.

    ``footprint``: imaged ground, lon/lat degrees WGS-84 (a Polygon; its part inside the licence).
    ``native_gsd_m``: GSD of the look; ``delivered_gsd_m``: coarsest that licence or product allow
    (≥ native). ``bands``: STAC eo common names. Angles in degrees. ``cloud``: fraction 0…1 of the
    footprint under cloud. ``providers``: (name, role) with STAC roles. ``simulated``: made, not taken.
    """

    id: str
    order: str
    target: str
    spacecraft: str
    norad_id: int
    instrument: str
    start: Epoch
    end: Epoch
    footprint: BaseGeometry
    native_gsd_m: float
    delivered_gsd_m: float
    bands: tuple[str, ...]
    off_nadir_deg: float
    incidence_deg: float
    view_azimuth_deg: float
    sun_elevation_deg: float
    sun_azimuth_deg: float
    cloud: float
    cloud_source: str
    ascending: bool
    providers: tuple[tuple[str, str], ...]
    licence: str
    elements_source: str
    elements_epoch: Epoch
    station: str | None
    simulated: bool
