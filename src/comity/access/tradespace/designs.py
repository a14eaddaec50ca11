"""What a trade study varies: designs, the instruments they carry, what they cost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Literal

from comity.access.coverage import Options, Sensor
from comity.core import InputError, Interval

#: Mean radius of the Earth (m), for the geometry of a look.
_EARTH_M = 6_371_008.8
#: More designs than this are refused: a sweep that large is a slip.
MAX_DESIGNS = 20_000
#: Currency of costs that only compare, with no money behind them.
RELATIVE = "relative"

Objective = Literal["revisit_mean", "revisit_p95", "revisit_max", "response_mean"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imager:
    """An instrument of a study: nadir ``gsd_m`` from ``reference_altitude_m``, its field of regard, its cost.

    ``cost``: one of them, in the study's currency. ``mass_kg`` is launched with it (0 where launch is not
    paid by mass).
    """

    id: str
    gsd_m: float
    reference_altitude_m: float
    sensor: Sensor
    cost: Decimal
    mass_kg: Decimal = Decimal(0)

    def gsd_nadir_m(self, altitude_m: float) -> float:
        """GSD (m) straight down from ``altitude_m``."""
        return self.gsd_m * altitude_m / self.reference_altitude_m

    def gsd_edge_m(self, altitude_m: float) -> float:
        """GSD (m) of the worst look that counts, at the edge of the field of regard, on a sphere.

        Geometric mean of along and across track, the across direction stretched by 1 / cos(incidence) (as
        :func:`comity.access.imaging_windows` tells it). Infinite where the edge is the horizon.
        """
        off_nadir, incidence = _edge(self.sensor, altitude_m)
        if off_nadir == 0.0:
            return self.gsd_nadir_m(altitude_m)
        slant = _EARTH_M * math.sin(incidence - off_nadir) / math.sin(off_nadir)
        if math.cos(incidence) < 1e-7:  # an arc sine near 1 keeps half its digits
            return math.inf
        return self.gsd_m * slant / self.reference_altitude_m / math.sqrt(math.cos(incidence))


def _edge(sensor: Sensor, altitude_m: float) -> tuple[float, float]:
    """Off-nadir angle and incidence (rad) at the edge of a field of regard."""
    ratio = (_EARTH_M + altitude_m) / _EARTH_M
    if sensor.max_off_nadir_deg is not None:
        off_nadir = min(math.radians(sensor.max_off_nadir_deg), math.asin(1.0 / ratio))
        return off_nadir, math.asin(min(1.0, ratio * math.sin(off_nadir)))
    if sensor.min_elevation_deg is not None:
        incidence = math.radians(90.0 - sensor.min_elevation_deg)
        return math.asin(math.sin(incidence) / ratio), incidence
    angle = (sensor.swath_m or 0.0) / 2.0 / _EARTH_M
    angle = min(angle, math.acos(1.0 / ratio))
    off_nadir = math.atan2(math.sin(angle), ratio - math.cos(angle))
    return off_nadir, off_nadir + angle


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One constellation of the sweep.

    ``inclination_deg``: a Walker delta; None: sun-synchronous, with ``ltan_h`` of the first plane.
    ``instrument``: an id of the study.
    """

    planes: int
    satellites_per_plane: int
    altitude_m: float
    inclination_deg: float | None
    ltan_h: float | None
    phasing: int
    instrument: str

    @property
    def satellites(self) -> int:
        """Satellites in all."""
        return self.planes * self.satellites_per_plane

    @property
    def orbit(self) -> str:
        """The orbit in short: ``53°`` or ``SSO 10:30``."""
        if self.inclination_deg is not None:
            return f"{self.inclination_deg:g}°"
        minutes = round((self.ltan_h or 0.0) * 60.0)
        return f"SSO {minutes // 60:02d}:{minutes % 60:02d}"

    @property
    def label(self) -> str:
        """The design in short: ``3×4, 550 km, 53°, fine``."""
        return (
            f"{self.planes}×{self.satellites_per_plane}, {self.altitude_m / 1000.0:g} km, {self.orbit}, "
            f"{self.instrument}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a constellation costs over its life; amounts in ``currency`` (ISO 4217, or ``"relative"``).

    ``satellite``: one, without its instrument. ``launch_per_plane``: launching into one plane;
    ``launch_per_kg`` with ``satellite_mass_kg`` (without instrument) by mass; both may apply.
    ``operations_per_satellite_year`` for ``years``. All are the study's own: none is assumed.
    """

    currency: str
    satellite: Decimal
    launch_per_plane: Decimal
    launch_per_kg: Decimal
    satellite_mass_kg: Decimal
    operations_per_satellite_year: Decimal
    years: Decimal

    def of(self, design: Design, imager: Imager) -> Decimal:
        """The cost of a design over its life."""
        mass = self.satellite_mass_kg + imager.mass_kg
        each = self.satellite + imager.cost + self.launch_per_kg * mass
        each += self.operations_per_satellite_year * self.years
        return each * design.satellites + self.launch_per_plane * design.planes


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A trade study: where, when, in which light, what is varied, what it costs.

    ``grid``: as in ``comity coverage --grid``; ``region``: ``country:DJI``, ``bbox:W,S,E,N``, ``lat:MIN,MAX``
    or ``world``. ``objective``: the figure called revisit on the front. ``min_seen``: designs that see less
    of the area than this (0 … 1; twice, where the objective is a revisit) are never on the front.
    """

    title: str
    region: str
    grid: str
    interval: Interval
    options: Options
    objective: Objective
    min_seen: float
    costs: Costs
    imagers: tuple[Imager, ...]
    planes: tuple[int, ...]
    satellites_per_plane: tuple[int, ...]
    altitudes_m: tuple[float, ...]
    inclinations_deg: tuple[float, ...]
    ltans_h: tuple[float, ...]
    phasing: int

    def imager(self, id: str) -> Imager:
        """The instrument with this id."""
        return next(one for one in self.imagers if one.id == id)

    def designs(self) -> tuple[Design, ...]:
        """Every combination, cheap dimensions last. Raises :class:`InputError` for more than 20,000."""
        orbits: list[tuple[float | None, float | None]] = [(i, None) for i in self.inclinations_deg]
        orbits += [(None, ltan) for ltan in self.ltans_h]
        count = len(self.planes) * len(self.satellites_per_plane) * len(self.altitudes_m)
        count *= len(orbits) * len(self.imagers)
        if count > MAX_DESIGNS:
            raise InputError(f"the sweep has {count:,} designs, the limit is {MAX_DESIGNS:,}: vary less")
        return tuple(self._designs(orbits))

    def _designs(self, orbits: list[tuple[float | None, float | None]]) -> Iterator[Design]:
        for planes, each, altitude, (inclination, ltan), imager in product(
            self.planes, self.satellites_per_plane, self.altitudes_m, orbits, self.imagers
        ):
            yield Design(
                planes=planes,
                satellites_per_plane=each,
                altitude_m=altitude,
                inclination_deg=inclination,
                ltan_h=ltan,
                phasing=self.phasing % planes,
                instrument=imager.id,
            )
