"""What a spacecraft can see at one instant: the region of the ground about its nadir."""

from __future__ import annotations

import math
from dataclasses import dataclass

from comity.core import InputError

#: Widest swath (m): a hemisphere would be 20,000 km.
MAX_SWATH_M = 10_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """Field of regard of one spacecraft, the same all round its nadir. Exactly one of three limits is given.

    ``max_off_nadir_deg``: a cone about the geodetic nadir (that of
    :func:`comity.access.imaging_windows`), 0 < x ≤ 90; the target's horizon always counts too.
    ``min_elevation_deg``: the spacecraft stands at least so high above the target's horizon, 0 ≤ x < 90.
    ``swath_m``: the target lies within half this distance of the point below the spacecraft, on the sphere
    that fits the ellipsoid at the target (0.4 % of the distance, at most).
    ``min_off_nadir_deg``: a side-looking instrument sees nothing nearer to its nadir than this; may
    stand beside any of the three, and is less than ``max_off_nadir_deg``.

    Raises :class:`InputError` when none or several of the three are given, or a value is out of range.
    """

    max_off_nadir_deg: float | None = None
    min_elevation_deg: float | None = None
    swath_m: float | None = None
    min_off_nadir_deg: float = 0.0

    def __post_init__(self) -> None:
        given = (self.max_off_nadir_deg, self.min_elevation_deg, self.swath_m)
        if sum(value is not None for value in given) != 1:
            raise InputError(
                "a sensor has exactly one of max_off_nadir_deg, min_elevation_deg and swath_m; given: "
                f"{', '.join('none' if v is None else format(v, 'g') for v in given)}"
            )
        if self.max_off_nadir_deg is not None and not 0.0 < self.max_off_nadir_deg <= 90.0:
            raise InputError(f"off-nadir limit {self.max_off_nadir_deg:g}° is not above 0 and at most 90")
        if self.min_elevation_deg is not None and not 0.0 <= self.min_elevation_deg < 90.0:
            raise InputError(f"elevation limit {self.min_elevation_deg:g}° is not at least 0 and below 90")
        if self.swath_m is not None and not 0.0 < self.swath_m <= MAX_SWATH_M:
            raise InputError(
                f"swath {self.swath_m / 1e3:g} km is not above 0 and at most {MAX_SWATH_M / 1e3:,.0f} km "
                "(swath_m is in metres, not km)"
            )
        outer = 90.0 if self.max_off_nadir_deg is None else self.max_off_nadir_deg
        if not (math.isfinite(self.min_off_nadir_deg) and 0.0 <= self.min_off_nadir_deg < outer):
            raise InputError(f"inner off-nadir limit {self.min_off_nadir_deg:g}° is outside 0 … {outer:g}")

    def __str__(self) -> str:
        if self.max_off_nadir_deg is not None:
            text = f"off-nadir ≤ {self.max_off_nadir_deg:g}°"
        elif self.min_elevation_deg is not None:
            text = f"elevation ≥ {self.min_elevation_deg:g}°"
        else:
            text = f"swath {(self.swath_m or 0.0) / 1000.0:g} km"
        return text + (f", off-nadir ≥ {self.min_off_nadir_deg:g}°" if self.min_off_nadir_deg else "")
