"""Short notations of the field: ``latlon:1``, ``equal-area:100km``, ``healpix:32``; ``53:60/6/1``."""

from __future__ import annotations

import re

from comity.access.coverage.builders import box, country, equal_area_grid, healpix_grid, lat_lon_grid, zone
from comity.access.coverage.grids import Grid
from comity.core import InputError
from comity.fleet import Area

_NUMBER = r"(\d+\.?\d*|\.\d+)"
GRID_FORM = "latlon:DEGREES, equal-area:KM or healpix:NSIDE"
WALKER_FORM = "INCLINATION:TOTAL/PLANES/PHASING, e.g. 53:60/6/1"


def grid_of(text: str, region: Area | None = None) -> Grid:
    """The grid that ``text`` names, of the world or of a region.

    Raises :class:`InputError` when it is not ``GRID_FORM``, or has too many cells.
    """
    kind, _, size = text.strip().partition(":")
    kind = kind.replace("_", "-").casefold()
    if kind in ("latlon", "lat-lon") and (m := re.fullmatch(rf"{_NUMBER}(?:deg|°)?", size)):
        return lat_lon_grid(float(m[1]), region)
    if kind == "equal-area" and (m := re.fullmatch(rf"{_NUMBER}(?:km)?", size)):
        return equal_area_grid(float(m[1]) * 1000.0, region)
    if kind == "healpix" and (m := re.fullmatch(r"\d{1,6}", size)):
        return healpix_grid(int(m[0]), region)
    raise InputError(f"grid {text!r} is not {GRID_FORM}")


def walker_of(text: str) -> tuple[float, int, int, int]:
    """Inclination (deg), satellites in all, planes and phasing of ``53:60/6/1`` (Walker's i:t/p/f).

    Raises :class:`InputError` when it is not of that form.
    """
    m = re.fullmatch(rf"\s*{_NUMBER}\s*:\s*(\d+)\s*/\s*(\d+)\s*/\s*(\d+)\s*", text)
    if m is None:
        raise InputError(f"constellation {text!r} is not {WALKER_FORM}")
    return float(m[1]), int(m[2]), int(m[3]), int(m[4])


def ltan_of(text: str) -> float:
    """Local time of the ascending node (hours) of ``10:30`` or ``10.5``.

    Raises :class:`InputError` when it is not of that form or outside 0 … 24.
    """
    m = re.fullmatch(r"\s*(\d{1,2})(?::(\d{2})|(\.\d+))?\s*", text)
    hours = -1.0 if m is None else int(m[1]) + int(m[2] or 0) / 60.0 + float(m[3] or 0.0)
    if not 0.0 <= hours < 24.0 or (m is not None and int(m[2] or 0) > 59):
        raise InputError(f"local time {text!r} is not HH:MM between 00:00 and 23:59")
    return hours


def numbers_of(text: str, what: str, form: str, count: int | None = None) -> list[float]:
    """The numbers of ``NUMBER,NUMBER…``; ``count``: how many there must be (None: any, at least one).

    Raises :class:`InputError` saying that ``what`` is not of that ``form``.
    """
    parts = text.split(",")
    if (count is not None and len(parts) != count) or not all(
        re.fullmatch(rf"\s*[+-]?{_NUMBER}\s*", part) for part in parts
    ):
        raise InputError(f"{what} {text!r} is not {form}, in plain numbers")
    return [float(part) for part in parts]


def region_named(text: str) -> Area | None:
    """The region of ``country:DJI``, ``bbox:W,S,E,N`` or ``lat:MIN,MAX``; None for ``world``.

    Raises :class:`InputError` for anything else, :class:`comity.core.UnknownIdError` for a territory.
    """
    kind, _, rest = text.partition(":")
    if kind == "country":
        return country(rest)
    if kind == "bbox":
        return box(*numbers_of(rest, "the box", "W,S,E,N", 4))
    if kind == "lat":
        return zone(*numbers_of(rest, "latitudes", "MIN,MAX", 2))
    if text != "world":
        raise InputError(f"region {text!r} is not world, country:CODE, bbox:W,S,E,N or lat:MIN,MAX")
    return None
