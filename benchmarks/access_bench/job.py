"""The jobs: a Walker constellation as TLE lines, seeded sites, a day; the same for every program."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: μ of WGS-72 (km³/s²), which SGP4's mean motions stand for, and the equatorial radius of WGS-84 (km).
MU_KM3_S2 = 398_600.8
EARTH_RADIUS_KM = 6_378.137

#: 2025-06-01T00:00:00 UTC, as a TLE writes it.
EPOCH_ISO = "2025-06-01T00:00:00+00:00"
EPOCH_TLE = "25152.00000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Satellites × sites × a time span.

    ``lines``: a pair of TLE lines per satellite; ``sites``: longitude, latitude (degrees), height (m);
    ``mask_deg``: least elevation; ``half_cone_deg``: if set, the condition is instead this greatest angle at
    the satellite between the Earth's centre and the site, above the horizon. Coverage measures the cone from
    the ellipsoid's normal instead and may want ``daylight`` at the site.
    """

    lines: list[tuple[str, str]]
    sites: list[tuple[float, float, float]]
    start: str
    duration_s: float
    mask_deg: float
    half_cone_deg: float | None = None
    daylight: bool = False

    @property
    def begin(self) -> datetime:
        """Its first instant."""
        return datetime.fromisoformat(self.start)

    @property
    def end(self) -> datetime:
        """Its last instant."""
        return self.begin + timedelta(seconds=self.duration_s)

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Job:
        """Read what :meth:`write` wrote."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        fields["lines"] = [(a, b) for a, b in fields["lines"]]
        fields["sites"] = [(a, b, c) for a, b, c in fields["sites"]]
        return cls(**fields)


def walker(
    planes: int, per_plane: int, inclination_deg: float = 53.0, altitude_km: float = 550.0, phasing: int = 1
) -> list[tuple[str, str]]:
    """TLE lines of a Walker delta constellation of nearly circular orbits at :data:`EPOCH_ISO`."""
    total = planes * per_plane
    per_day = math.sqrt(MU_KM3_S2 / (EARTH_RADIUS_KM + altitude_km) ** 3) * 86_400.0 / (2.0 * math.pi)
    lines = []
    for k in range(total):
        plane, place = divmod(k, per_plane)
        raan = 360.0 * plane / planes
        anomaly = (360.0 * place / per_plane + 360.0 * phasing * plane / total) % 360.0
        number = 10_001 + k
        first = f"1 {number:05d}U 25001A   {EPOCH_TLE}  .00001000  00000-0  50000-4 0  999"
        second = (
            f"2 {number:05d} {inclination_deg:8.4f} {raan:8.4f} 0001000 {90.0:8.4f} {anomaly:8.4f} "
            f"{per_day:11.8f}    1"
        )
        lines.append((_with_checksum(first), _with_checksum(second)))
    return lines


def _with_checksum(line: str) -> str:
    line = line.ljust(68)[:68]
    return line + str(sum(int(c) if c.isdigit() else c == "-" for c in line) % 10)


def spread_sites(count: int, seed: int = 1) -> list[tuple[float, float, float]]:
    """The first ``count`` of 1,000 sites, uniform by area between latitudes −65° and 65°, at height 0."""
    random = np.random.default_rng(seed)
    limit = math.sin(math.radians(65.0))
    lat = np.degrees(np.arcsin(random.uniform(-limit, limit, 1000)))
    lon = random.uniform(-180.0, 180.0, 1000)
    return [(float(x), float(y), 0.0) for x, y in zip(lon[:count], lat[:count], strict=True)]


def leo_job(satellites: int, sites: int, days: float = 1.0, half_cone_deg: float | None = None) -> Job:
    """So many of a 1,000-satellite Walker 53° constellation at 550 km, evenly taken; elevation above 10°."""
    every = walker(planes=40, per_plane=25)
    return Job(
        lines=every[:: len(every) // satellites][:satellites],
        sites=spread_sites(sites),
        start=EPOCH_ISO,
        duration_s=86_400.0 * days,
        mask_deg=10.0,
        half_cone_deg=half_cone_deg,
    )


def half_cone_of_mask_deg(mask_deg: float, altitude_km: float = 550.0) -> float:
    """Nadir angle at which a spherical Earth is seen under this elevation: a cone of about the same size."""
    ratio = EARTH_RADIUS_KM / (EARTH_RADIUS_KM + altitude_km)
    return math.degrees(math.asin(ratio * math.cos(math.radians(mask_deg))))


def coverage_job(satellites: int, cell_deg: float, days: float, daylight: bool) -> Job:
    """Centres of a global grid under the first so many of 60 satellites (6 planes of 10, 97.6°, 550 km)."""
    every = walker(planes=6, per_plane=10, inclination_deg=97.6)
    columns, rows = round(360.0 / cell_deg), round(180.0 / cell_deg)
    lon = -180.0 + (np.arange(columns) + 0.5) * cell_deg
    lat = 90.0 - (np.arange(rows) + 0.5) * cell_deg
    return Job(
        lines=every[:: len(every) // satellites][:satellites],
        sites=[(float(x), float(y), 0.0) for y in lat for x in lon],
        start=EPOCH_ISO,
        duration_s=86_400.0 * days,
        mask_deg=0.0,
        half_cone_deg=30.0,
        daylight=daylight,
    )
