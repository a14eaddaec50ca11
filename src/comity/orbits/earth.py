"""Earth orientation, and the rotation between TEME (SGP4's frame) and ITRF.

The values are IERS's ``finals2000A`` (polar motion, UT1−UTC and celestial pole offsets, measured then
predicted), carried by the package ``astropy-iers-data``; a newer file of IERS can take its place. Rotation:
Vallado, Crawford, Hujsak, Kelso, "Revisiting Spacetrack Report #3", AIAA 2006-6753, appendix C: TEME → PEF by
GMST (IAU 1982), PEF → ITRF by polar motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import erfa
import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch, InputError, Interval
from comity.orbits.finals2000a import read_finals2000a

FloatArray = NDArray[np.float64]

#: Rotation rate of the Earth (rad/s) as AIAA 2006-6753 uses it.
ROTATION_RATE = 7.292115146706979e-5

_JD_TAI_UNIX = 2_440_587.5
_JD_MJD = 2_400_000.5
_MJD_UNIX = 40_587.0
_NS_PER_DAY = 86_400_000_000_000
_ARCSEC = np.pi / 648_000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrientationAt:
    """Earth orientation at n instants; every array is (n,).

    ``ut1_tai_s``: UT1−TAI (s), free of leap seconds; ``ut1_jd``: UT1 Julian dates in two parts (days);
    ``xp``, ``yp``: polar motion (rad); ``dx``, ``dy``: celestial pole offsets to IAU 2006/2000A (rad).
    """

    ut1_tai_s: FloatArray
    ut1_jd: tuple[float, FloatArray]
    xp: FloatArray
    yp: FloatArray
    dx: FloatArray
    dy: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EarthOrientation:
    """A table of polar motion, UT1 and pole offsets, interpolated linearly as IERS allows to 0.1 ms of UT1.

    Tides shorter than a day (below 0.05 ms) are left out: 2 cm at the equator. UT1 is tabulated against
    TAI, so nothing jumps at a leap second. ``validity``: outside it every question is refused.
    ``predicted_from``: where measurements end (None: all measured or not measured at all). The celestial
    pole offsets ``dx``, ``dy`` (rad) are zero where the table has none, as in its farther predictions: they
    stay below 1.5 mas since 2000, 5 cm at a low orbit. ``source``: which table this is.
    """

    knots_tai_s: FloatArray
    ut1_tai_s: FloatArray
    xp: FloatArray
    yp: FloatArray
    dx: FloatArray
    dy: FloatArray
    validity: Interval
    predicted_from: Epoch | None
    source: str

    @classmethod
    def bundled(cls) -> EarthOrientation:
        """The table of the installed ``astropy-iers-data``, read once per process."""
        return _bundled()

    @classmethod
    def from_finals2000a(cls, path: Path, source: str | None = None) -> EarthOrientation:
        """Read a file in the IERS ``finals2000A`` layout (``readme.finals2000A``).

        Raises :class:`InputError` when the file cannot be read or holds no usable row.
        """
        rows = read_finals2000a(path)
        # rows stand at 0h UTC, and TAI−UTC is whole seconds there
        tai_utc = np.rint((erfa.utctai(_JD_MJD, rows.mjd)[1] - rows.mjd) * 86_400.0)
        ut1_tai = rows.ut1 - tai_utc
        if np.abs(np.diff(ut1_tai)).max() > 0.5:
            at = Epoch.from_utc_jd(_JD_MJD, float(rows.mjd[1:][np.abs(np.diff(ut1_tai)) > 0.5][0]))
            raise InputError(
                f"{path} has a leap second before {at.iso(0)} that pyerfa does not know: update it"
            )
        return cls(
            knots_tai_s=(rows.mjd - _MJD_UNIX) * 86_400.0 + tai_utc,
            ut1_tai_s=ut1_tai,
            xp=rows.xp * _ARCSEC,
            yp=rows.yp * _ARCSEC,
            dx=rows.dx * 1e-3 * _ARCSEC,
            dy=rows.dy * 1e-3 * _ARCSEC,
            validity=Interval(
                Epoch.from_utc_jd(_JD_MJD, float(rows.mjd[0])),
                Epoch.from_utc_jd(_JD_MJD, float(rows.mjd[-1])),
            ),
            predicted_from=None
            if rows.predicted_mjd is None
            else Epoch.from_utc_jd(_JD_MJD, rows.predicted_mjd),
            source=source or f"IERS finals2000A ({path.name})",
        )

    @classmethod
    def constant(
        cls, ut1_utc_s: float = 0.0, xp: float = 0.0, yp: float = 0.0, dx: float = 0.0, dy: float = 0.0
    ) -> EarthOrientation:
        """Fixed values (s, then rad) from 1972 to 2200: for published cases that state theirs."""
        knots, ut1_tai = [], []
        starts = [row for row in erfa.leap_seconds.get() if row["year"] >= 1972]
        ends = [*starts[1:], None]
        for row, after in zip(starts, ends, strict=True):
            first = Epoch.from_iso(f"{row['year']}-{row['month']:02d}-01")
            last = (
                Epoch.from_iso("2200-01-01")
                if after is None
                else Epoch.from_iso(f"{after['year']}-{after['month']:02d}-01") + (-1)
            )
            knots += [first.tai_ns / 1e9, last.tai_ns / 1e9]
            ut1_tai += [ut1_utc_s - float(row["tai_utc"])] * 2
        return cls(
            knots_tai_s=np.array(knots),
            ut1_tai_s=np.array(ut1_tai),
            xp=np.full(len(knots), xp),
            yp=np.full(len(knots), yp),
            dx=np.full(len(knots), dx),
            dy=np.full(len(knots), dy),
            validity=Interval(Epoch.from_iso("1972-01-01"), Epoch.from_iso("2200-01-01")),
            predicted_from=None,
            source=f"constant UT1−UTC {ut1_utc_s:g} s, polar motion {xp:g}, {yp:g} rad",
        )

    def at(self, epoch: Epoch, seconds: FloatArray) -> OrientationAt:
        """Orientation at ``epoch + seconds``; ``seconds`` (n,) s.

        Raises :class:`InputError` when an instant lies outside ``validity``.
        """
        times = epoch.tai_ns / 1e9 + seconds
        if len(seconds) and not (self.knots_tai_s[0] <= times.min() <= times.max() <= self.knots_tai_s[-1]):
            raise self._outside(epoch + float(np.min(seconds)), epoch + float(np.max(seconds)))
        ut1_tai = np.interp(times, self.knots_tai_s, self.ut1_tai_s)
        day, rest = divmod(epoch.tai_ns, _NS_PER_DAY)
        return OrientationAt(
            ut1_tai_s=ut1_tai,
            ut1_jd=(_JD_TAI_UNIX + day, rest / _NS_PER_DAY + (seconds + ut1_tai) / 86_400.0),
            xp=np.interp(times, self.knots_tai_s, self.xp),
            yp=np.interp(times, self.knots_tai_s, self.yp),
            dx=np.interp(times, self.knots_tai_s, self.dx),
            dy=np.interp(times, self.knots_tai_s, self.dy),
        )

    def check(self, interval: Interval) -> None:
        """Raise :class:`InputError` naming ``validity`` unless it holds the whole ``interval``."""
        if not self.validity.start <= interval.start < interval.end <= self.validity.end:
            raise self._outside(interval.start, interval.end)

    def prediction_note(self, interval: Interval) -> str:
        """A line for the user where ``interval`` reaches into predicted values; empty where it does not.

        It states the error to expect at the end: 0.25 ms·d^0.75 of UT1 and 0.00068″·d^0.8 of polar motion
        after d days (IERS Bulletin A's own estimate, one standard deviation).
        """
        if self.predicted_from is None or interval.end <= self.predicted_from:
            return ""
        days = (interval.end - self.predicted_from) / 86_400.0
        turn = 0.25e-3 * days**0.75 * ROTATION_RATE
        pole = 0.00068 * days**0.8 * _ARCSEC
        metres = 6_378_137.0 * float(np.hypot(turn, pole))
        return (
            f"Earth orientation is predicted from {self.predicted_from.iso(0)} on, valid to "
            f"{self.validity.end.iso(0)} ({self.source}): by {interval.end.iso(0)} places on the ground are "
            f"uncertain by about {metres:.2g} m"
        )

    def _outside(self, first: Epoch, last: Epoch) -> InputError:
        return InputError(
            f"Earth orientation is known from {self.validity.start.iso(0)} to {self.validity.end.iso(0)}, "
            f"asked for {first.iso(0)} to {last.iso(0)}: choose other times, update astropy-iers-data "
            "or give a newer finals2000A file of IERS"
        )


@cache
def _bundled() -> EarthOrientation:
    import astropy_iers_data  # here, so that importing Comity loads no data package

    return EarthOrientation.from_finals2000a(
        Path(astropy_iers_data.IERS_A_FILE),
        f"IERS finals2000A, astropy-iers-data {astropy_iers_data.__version__}",
    )


def gmst82(ut1_jd: float | FloatArray, ut1_jd_fraction: float | FloatArray = 0.0) -> FloatArray:
    """Greenwich mean sidereal time (rad), IAU 1982 model, at UT1 Julian dates in two parts (days)."""
    return np.asarray(erfa.gmst82(ut1_jd, ut1_jd_fraction), dtype=np.float64)


def teme_to_itrf(
    position: FloatArray,
    velocity: FloatArray,
    epoch: Epoch,
    seconds: FloatArray,
    eop: EarthOrientation,
) -> tuple[FloatArray, FloatArray]:
    """Positions (…, n, 3) m and velocities (…, n, 3) m/s from TEME to ITRF at ``epoch + seconds`` (n,).

    The velocity is the one seen on the rotating Earth. Raises :class:`InputError` outside ``eop``.
    """
    turn = teme_to_itrf_matrix(epoch, seconds, eop)
    fixed = np.einsum("nij,...nj->...ni", turn, position)
    # ω is constant about PEF's z axis; carried through polar motion it is ω × r in ITRF.
    axis = ROTATION_RATE * turn[:, :, 2]
    return fixed, np.einsum("nij,...nj->...ni", turn, velocity) - cross(axis, fixed)


def itrf_to_teme(
    position: FloatArray,
    velocity: FloatArray,
    epoch: Epoch,
    seconds: FloatArray,
    eop: EarthOrientation,
) -> tuple[FloatArray, FloatArray]:
    """Inverse of :func:`teme_to_itrf`: (…, n, 3) m and m/s."""
    turn = teme_to_itrf_matrix(epoch, seconds, eop)
    axis = ROTATION_RATE * turn[:, :, 2]
    return (
        np.einsum("nji,...nj->...ni", turn, position),
        np.einsum("nji,...nj->...ni", turn, velocity + cross(axis, position)),
    )


def cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Cross products of (…, 3); NumPy's own takes several times as long on short arrays."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def teme_to_itrf_matrix(epoch: Epoch, seconds: FloatArray, eop: EarthOrientation) -> FloatArray:
    """Rotation matrices (n, 3, 3): ITRF vector = matrix @ TEME vector (directions too)."""
    orientation = eop.at(epoch, seconds)
    gmst = gmst82(*orientation.ut1_jd)
    c, s = np.cos(gmst), np.sin(gmst)
    cx, sx = np.cos(orientation.xp), np.sin(orientation.xp)
    cy, sy = np.cos(orientation.yp), np.sin(orientation.yp)
    zero = np.zeros_like(c)
    # transpose of ROT1(yp)·ROT2(xp), AIAA 2006-6753 appendix C, times ROT3(GMST)
    polar = np.stack(
        [cx, sx * sy, sx * cy, zero, cy, -sy, -sx, cx * sy, cx * cy],
        axis=-1,
    ).reshape(-1, 3, 3)
    spin = np.stack([c, s, zero, -s, c, zero, zero, zero, zero + 1.0], axis=-1).reshape(-1, 3, 3)
    return np.asarray(polar @ spin, dtype=np.float64)
