"""Where an object is: what every trajectory answers, and SGP4 over mean elements.

SGP4 is Vallado's C++ code (package ``sgp4``; AIAA 2006-6753), with the WGS-72 constants that mean elements
are fitted with, improved mode. Near-Earth and deep-space orbits are told apart by their period (225 min).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sgp4.api import WGS72, Satrec

from comity.core import ComityError, Epoch
from comity.orbits.earth import ROTATION_RATE, EarthOrientation, teme_to_itrf
from comity.orbits.elements import MeanElements

FloatArray = NDArray[np.float64]

#: Gravitational parameter of WGS-72 (m³/s²), the one mean motions stand for.
MU_WGS72 = 398_600.8e9

_NO_NUMBER = -1  # ours, beside SGP4's own codes
_SGP4_REASONS = {
    1: "its mean eccentricity leaves 0 … 1",
    2: "its mean motion turns negative",
    3: "its perturbed eccentricity leaves 0 … 1",
    4: "its semilatus rectum turns negative",
    6: "it has decayed",
    _NO_NUMBER: "its theory breaks down for such elements",
}
#: SGP4 counts days from 1949-12-31 0h UTC.
_DAYS_1949_TO_1970 = 7_306.0
_NS_PER_DAY = 86_400_000_000_000


class PropagationError(ComityError):
    """No position exists for an object (``norad_id``) at a time asked for; names it and says why."""

    def __init__(self, message: str, norad_id: int) -> None:
        super().__init__(message)
        self.norad_id = norad_id

    def __reduce__(self) -> tuple[type[PropagationError], tuple[str, int]]:
        """Pickled with both arguments: an exception alone would keep the message only."""
        return type(self), (str(self), self.norad_id)


class Trajectory(Protocol):
    """Where one object is over time.

    ``source`` and ``epoch`` say which data it stands on; ``max_step_s`` is a step (s) small enough that a
    cubic through two neighbouring positions and their rates stays within a metre or so of the trajectory.
    SGP4's velocities are not quite the rates of its positions: they differ by some cm/s on low orbits, by
    metres per second on highly elliptic ones and under strong drag, and a cubic through them strays by up
    to a quarter of that times the step. ``itrf`` and ``teme`` answer for any times in any order, or raise
    :class:`PropagationError` when one of them has no state.
    """

    @property
    def name(self) -> str:
        """The object's name."""
        ...

    @property
    def norad_id(self) -> int:
        """Its catalogue number; 0 where it has none, as an object known only by its ephemeris may."""
        ...

    @property
    def source(self) -> str:
        """Where its data was read from."""
        ...

    @property
    def epoch(self) -> Epoch:
        """The instant its data belongs to."""
        ...

    @property
    def max_step_s(self) -> float:
        """Largest step (s) between two states that no event hides in."""
        ...

    def itrf(self, epoch: Epoch, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Positions (n, 3) m and velocities (n, 3) m/s, ITRF, at ``epoch + seconds`` (n,)."""
        ...

    def teme(self, epoch: Epoch, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The same in TEME."""
        ...


class SGP4Trajectory:
    """SGP4 over one object's mean elements, with the Earth orientation to fix it to the ground.

    Raises :class:`PropagationError` when SGP4 refuses the elements themselves.
    """

    __slots__ = ("_alive_days", "_farthest_m", "_satrec", "elements", "eop", "max_step_s")

    def __init__(self, elements: MeanElements, eop: EarthOrientation) -> None:
        self.elements = elements
        self.eop = eop
        self._satrec = satrec(elements)
        if self._satrec.error:
            raise _refusal(elements, self._satrec.error)
        self.max_step_s = _max_step_s(elements)
        self._alive_days = 0.0
        self._farthest_m = 2.2 * _semi_major_axis_m(elements)  # an ellipse of any eccentricity ends at 2a

    def __reduce__(self) -> tuple[type[SGP4Trajectory], tuple[MeanElements, EarthOrientation]]:
        """Pickled as what it is made of, to work on another machine: SGP4's own record cannot be."""
        return type(self), (self.elements, self.eop)

    def __repr__(self) -> str:
        return f"SGP4Trajectory({self.name!r}, {self.norad_id}, epoch {self.epoch})"

    @property
    def name(self) -> str:
        """The object's name."""
        return self.elements.name

    @property
    def norad_id(self) -> int:
        """Its catalogue number."""
        return self.elements.norad_id

    @property
    def source(self) -> str:
        """Where its elements were read from."""
        return self.elements.source

    @property
    def epoch(self) -> Epoch:
        """Its elements' epoch."""
        return self.elements.epoch

    def teme(self, epoch: Epoch, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Positions (n, 3) m and velocities (n, 3) m/s, TEME, at ``epoch + seconds`` (n,) s.

        Time since the elements' epoch is counted as SGP4's users do, by UTC dates: a leap second between it
        and ``epoch`` does not count. From ``epoch`` on, ``seconds`` are SI and nothing jumps.
        Raises :class:`PropagationError`, naming the first instant SGP4 has no answer for, or one that is
        none: past an object's decay its drag polynomials turn round and SGP4 reports no error.
        """
        seconds = np.ascontiguousarray(seconds, dtype=np.float64)
        since_epoch = (epoch.utc_unix_ns - self.elements.epoch.utc_unix_ns) / 1e9
        since_days = (since_epoch + seconds) / 86_400.0
        codes, position, velocity = self._propagate(since_days)
        if codes.any():
            first = int(np.argmax(codes != 0))
            raise _refusal(self.elements, int(codes[first]), epoch + float(seconds[first]))
        position = position * 1e3
        # written so that NaN, which SGP4 can give without an error, counts as lost too
        lost = ~(np.einsum("ij,ij->i", position, position) <= self._farthest_m**2)
        if lost.any():
            first = int(np.argmax(lost))
            code = 6 if np.isfinite(position[first]).all() else _NO_NUMBER
            raise _refusal(self.elements, code, epoch + float(seconds[first]))
        if len(since_days):
            self._check_alive(float(since_days.max()))
        return position, velocity * 1e3

    def _propagate(self, since_days: FloatArray) -> tuple[NDArray[np.uint8], FloatArray, FloatArray]:
        """Codes (n,), positions (n, 3) km and velocities (n, 3) km/s, TEME."""
        # Only the difference from the elements' own Julian date matters to SGP4, and it is exact here.
        days = np.full(len(since_days), self._satrec.jdsatepoch)
        codes, position, velocity = self._satrec.sgp4_array(days, self._satrec.jdsatepochF + since_days)
        return codes, position, velocity

    def _check_alive(self, until_days: float) -> None:
        """Refuse times after a decay even where SGP4 gives a plausible orbit again.

        Its drag shrinks the axis by a polynomial's square, which grows anew past the polynomial's zero. The
        states on the way tell: none exists for a good part of the time before the orbit has outgrown
        twice its first size.
        """
        if until_days <= self._alive_days or self._satrec.method != "n":
            return
        way = np.linspace(0.0, until_days, 33)[1:]
        codes, _, _ = self._propagate(way)
        if codes.any():
            first = int(np.argmax(codes != 0))
            at = self.elements.epoch + float(way[first]) * 86_400.0
            raise _refusal(self.elements, int(codes[first]), at)
        self._alive_days = until_days

    def itrf(self, epoch: Epoch, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Positions (n, 3) m and velocities (n, 3) m/s, ITRF, at ``epoch + seconds`` (n,) s.

        Raises :class:`PropagationError` as :meth:`teme` does, :class:`comity.core.InputError` outside
        the validity of the Earth orientation.
        """
        position, velocity = self.teme(epoch, seconds)
        return teme_to_itrf(position, velocity, epoch, seconds, self.eop)


def satrec(elements: MeanElements) -> Satrec:
    """The ``sgp4`` package's record of these elements (its ``error`` is not looked at)."""
    record = Satrec()
    per_day = 2.0 * math.pi / 1440.0  # rev/day → rad/min
    record.sgp4init(
        WGS72,
        "i",
        0,  # the catalogue number plays no part, and some are longer than this field holds
        _DAYS_1949_TO_1970 + elements.epoch.utc_unix_ns / _NS_PER_DAY,
        elements.bstar,
        elements.mean_motion_dot * per_day / 1440.0,
        elements.mean_motion_ddot * per_day / 1440.0**2,
        elements.eccentricity,
        math.radians(elements.arg_of_perigee_deg),
        math.radians(elements.inclination_deg),
        math.radians(elements.mean_anomaly_deg),
        elements.mean_motion * per_day,
        math.radians(elements.raan_deg),
    )
    return record


def sgp4_trajectories(
    elements: Sequence[MeanElements], eop: EarthOrientation
) -> tuple[list[SGP4Trajectory], list[PropagationError]]:
    """Trajectories of many objects, and the refusals of those that have none."""
    good: list[SGP4Trajectory] = []
    refused: list[PropagationError] = []
    for one in elements:
        try:
            good.append(SGP4Trajectory(one, eop))
        except PropagationError as error:
            refused.append(error)
    return good, refused


def _refusal(elements: MeanElements, code: int, at: Epoch | None = None) -> PropagationError:
    reason = _SGP4_REASONS.get(code, f"SGP4 error {code}")
    when = f" at {at.iso(0)}" if at is not None else ""
    return PropagationError(
        f"{elements.name} ({elements.norad_id}): SGP4 has no position{when}: {reason} "
        f"(elements of {elements.epoch.iso(0)})",
        elements.norad_id,
    )


def _semi_major_axis_m(elements: MeanElements) -> float:
    rate = elements.mean_motion * 2.0 * math.pi / 86_400.0
    return float((MU_WGS72 / rate**2) ** (1.0 / 3.0))


def step_of_cubic_s(radius_m: float, rate: float) -> float:
    """Step (s) at which a cubic Hermite of Earth-fixed states stays within about 1 m; 10 … 300 s.

    The error of that cubic is h⁴·r⁗/384, and r⁗ ≈ r·ω⁴ with ω seen from the turning Earth, where velocities
    are the rates of the positions (see :class:`Trajectory` for SGP4); ``rate``: the angular rate (rad/s)
    among the stars at ``radius_m``.
    """
    step = (384.0 / (radius_m * (rate + ROTATION_RATE) ** 4)) ** 0.25
    return float(min(300.0, max(10.0, step)))


def _max_step_s(elements: MeanElements) -> float:
    """The step at perigee, where the angular rate is greatest."""
    rate = elements.mean_motion * 2.0 * math.pi / 86_400.0
    e = elements.eccentricity
    perigee = _semi_major_axis_m(elements) * (1.0 - e)
    return step_of_cubic_s(perigee, rate * math.sqrt(1.0 - e * e) / (1.0 - e) ** 2)
