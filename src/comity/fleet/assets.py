"""What the pool owns: partners, spacecraft with their instruments, ground stations."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from comity.fleet.horizon import HorizonMask

Pointing = Literal["agile", "nadir"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a published figure comes from, or that it is assumed.

    ``text`` is a citation a reader can follow; ``assumed`` says that no published value was found
    and the figure is ours.
    """

    text: str
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """An owner of assets in the pool.

    ``country`` is ISO 3166-1 alpha-3, ``currency`` ISO 4217 (what it is paid in), ``share`` its part
    of the pool's common revenue, 0…1; shares of a programme sum to exactly 1.
    """

    id: str
    name: str
    country: str
    currency: str
    share: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """An optical imager carried by one spacecraft.

    Published figures hold at nadir from ``reference_altitude_m``; geometry scales them.

    ``gsd_m``: nadir ground sample distance of the finest band (m). ``swath_m``: nadir swath (m).
    ``max_off_nadir_deg``: how far the boresight may be steered from nadir (0 for ``pointing``
    ``"nadir"``, whose field of view is fixed). ``bands``: common names as in STAC ``eo``
    (``pan``, ``blue``, ``green``, ``red``, ``nir`` …). ``data_rate_bps``: bits per second recorded
    while imaging, after compression. ``sources``: figure name → :class:`Source`. ``ms_gsd_m``: nadir
    GSD of the colour bands where a finer panchromatic band sharpens them, else None.
    """

    id: str
    name: str
    gsd_m: float
    swath_m: float
    max_off_nadir_deg: float
    reference_altitude_m: float
    bands: tuple[str, ...]
    bits_per_sample: int
    data_rate_bps: float
    pointing: Pointing
    sources: dict[str, Source]
    ms_gsd_m: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacecraft:
    """A spacecraft of the pool.

    ``slew_rate_deg_s`` and ``slew_acceleration_deg_s2`` bound a bang-coast-bang slew;
    ``settle_s`` follows it. ``memory_bits`` is on-board storage, ``downlink_bps`` what its
    transmitter can send. ``instruments`` is empty for a spacecraft that carries no imager; ``note``
    says what it does, or anything else a reader should know.
    """

    id: str
    name: str
    norad_id: int
    owner: str
    instruments: tuple[Instrument, ...]
    slew_rate_deg_s: float
    slew_acceleration_deg_s2: float
    settle_s: float
    memory_bits: float
    downlink_bps: float
    sources: dict[str, Source]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundStation:
    """A receiving site: geodetic WGS-84 position, elevation mask, antennas.

    ``lon_deg`` east positive, ``lat_deg``, ``altitude_m`` above the ellipsoid. ``downlink_bps`` is
    what one antenna can receive; ``antennas`` of them work at once. ``horizon``: by azimuth, where hills or
    buildings stand higher than ``min_elevation_deg``; both count.
    """

    id: str
    name: str
    owner: str
    lon_deg: float
    lat_deg: float
    altitude_m: float
    min_elevation_deg: float
    downlink_bps: float
    antennas: int
    sources: dict[str, Source]
    horizon: HorizonMask | None = None
