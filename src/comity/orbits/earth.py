"""Earth orientation, and the rotation between TEME (SGP4's frame) and ITRF.

The values are IERS's ``finals2000A`` (polar motion and UT1−UTC, measured then predicted), carried by the
package ``astropy-iers-data``. Rotation: Vallado, Crawford, Hujsak, Kelso, "Revisiting Spacetrack Report
#3", AIAA 2006-6753, appendix C: TEME → PEF by GMST (IAU 1982), PEF → ITRF by polar motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import erfa
import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch, InputError, Interval

FloatArray = NDArray[np.float64]

#: Rotation rate of the Earth (rad/s) as AIAA 2006-6753 uses it.
ROTATION_RATE = 7.292115146706979e-5

_JD_TAI_UNIX = 2_440_587.5
_NS_PER_DAY = 86_400_000_000_000
_ARCSEC = np.pi / 648_000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrientationAt:
    """Earth orientation at n instants; every array is (n,).

    ``ut1_tai_s``: UT1−TAI (s), free of leap seconds; ``ut1_jd``: UT1 Julian dates in two parts (days);
    ``xp``, ``yp``: polar motion (rad).
    """

    ut1_tai_s: FloatArray
    ut1_jd: tuple[float, FloatArray]
    xp: FloatArray
    yp: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EarthOrientation:
    """A table of polar motion and UT1, interpolated linearly as IERS allows to 0.1 ms of UT1.

    Tides shorter than a day (below 0.05 ms) are left out: 2 cm at the equator. UT1 is tabulated against
    TAI, so nothing jumps at a leap second. ``validity``: outside it every question is refused.
    ``predicted_from``: where measurements end (None: all measured or not measured at all).
    """

    knots_tai_s: FloatArray
    ut1_tai_s: FloatArray
    xp: FloatArray
    yp: FloatArray
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
        try:
            lines = path.read_text(encoding="ascii").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read Earth orientation from {path}: {error}") from error
        rows: list[tuple[float, float, float, float]] = []
        predicted: float | None = None
        for line in lines:
            if not (line[58:68].strip() and line[18:27].strip() and line[37:46].strip()):
                continue  # the file goes on for a few weeks with dates that carry no values
            try:
                row = float(line[7:15]), float(line[18:27]), float(line[37:46]), float(line[58:68])
            except ValueError as error:
                raise InputError(f"{path} is not in the finals2000A layout: {error}") from error
            if predicted is None and "P" in (line[16], line[57]):
                predicted = row[0]
            rows.append(row)
        if len(rows) < 2:
            raise InputError(f"{path} holds no Earth orientation in the finals2000A layout")
        days, xp, yp, ut1_utc = np.array(rows).T
        epochs = [Epoch.from_utc_jd(2_400_000.5, day) for day in days]
        tai_utc = np.array(
            [(e.tai_ns - e.utc_unix_ns) / 1_000_000_000 for e in epochs]
        )  # leap seconds are whole, and the table's rows stand at 0h UTC
        return cls(
            knots_tai_s=np.array([e.tai_ns for e in epochs]) / 1e9,
            ut1_tai_s=ut1_utc - tai_utc,
            xp=xp * _ARCSEC,
            yp=yp * _ARCSEC,
            validity=Interval(epochs[0], epochs[-1]),
            predicted_from=None if predicted is None else Epoch.from_utc_jd(2_400_000.5, predicted),
            source=source or f"IERS finals2000A ({path.name})",
        )

    @classmethod
    def constant(cls, ut1_utc_s: float = 0.0, xp: float = 0.0, yp: float = 0.0) -> EarthOrientation:
        """Fixed values (s, rad, rad) from 1972 to 2200: for published cases that state theirs."""
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
            first, last = epoch + float(np.min(seconds)), epoch + float(np.max(seconds))
            raise InputError(
                f"Earth orientation is known from {self.validity.start.iso(0)} to "
                f"{self.validity.end.iso(0)}, asked for {first.iso(0)} to {last.iso(0)}: "
                "choose other times or update astropy-iers-data"
            )
        ut1_tai = np.interp(times, self.knots_tai_s, self.ut1_tai_s)
        day, rest = divmod(epoch.tai_ns, _NS_PER_DAY)
        return OrientationAt(
            ut1_tai_s=ut1_tai,
            ut1_jd=(_JD_TAI_UNIX + day, rest / _NS_PER_DAY + (seconds + ut1_tai) / 86_400.0),
            xp=np.interp(times, self.knots_tai_s, self.xp),
            yp=np.interp(times, self.knots_tai_s, self.yp),
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
    return fixed, np.einsum("nij,...nj->...ni", turn, velocity) - _cross(axis, fixed)


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
        np.einsum("nji,...nj->...ni", turn, velocity + _cross(axis, position)),
    )


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
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
