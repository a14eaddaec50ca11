"""Instants written in the time systems of ephemeris files: UTC, TAI, TT, GPS, TDB and UT1."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import erfa
import numpy as np

from comity.core import Epoch, InputError
from comity.orbits.earth import EarthOrientation

#: Time systems by CCSDS's and IGS's names, with those that stand for the same.
TIME_SYSTEMS = ("GPS", "TAI", "TDB", "TT", "UT1", "UTC")
_SAME = {"GAL": "GPS", "QZS": "GPS", "IRN": "GPS", "GST": "GPS", "TDT": "TT", "ET": "TDB", "GLO": "UTC"}
_BEIDOU = "BDT"  # 33 s behind TAI, 14 behind GPS

_TAI_MINUS_S = {"TAI": 0.0, "GPS": 19.0, _BEIDOU: 33.0, "TT": -32.184, "TDB": -32.184}
_FORM = re.compile(r"(\d{4})-(?:(\d{3})|(\d{2})-(\d{2}))(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d*))?)?)?Z?")
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)


def time_system_of(name: str) -> str:
    """One of :data:`TIME_SYSTEMS` (or ``BDT``, BeiDou's) for a name; :class:`InputError` for another."""
    key = name.strip().upper()
    key = {**_SAME, "BDS": _BEIDOU}.get(key, key)
    if key not in (*TIME_SYSTEMS, _BEIDOU):
        raise InputError(f"time system {name!r} is not supported: use {', '.join(TIME_SYSTEMS)}")
    return key


def epoch_of(text: str, system: str, eop: EarthOrientation | None = None) -> Epoch:
    """The instant that ``text`` names in ``system``, one of :data:`TIME_SYSTEMS`.

    Either CCSDS form: ``2007-03-05T10:34:41.5`` or, by the day of the year, ``2007-064T10:34:41.5``.
    ``eop``: needed for UT1 (None: the bundled one). TDB differs from TT by up to 1.7 ms and is reduced by
    ERFA's ``dtdb`` at the geocentre. Raises :class:`InputError` naming the text.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{text!r} is not a time such as 2007-03-05T10:34:41.5 or 2007-064T10:34:41.5")
    year, of_year, month, day, *clock, fraction = match.groups()
    hour, minute, second = (int(part or 0) for part in clock)
    try:
        if of_year is None:
            start = datetime(int(year), int(month), int(day), tzinfo=UTC)
        else:
            start = datetime(int(year), 1, 1, tzinfo=UTC) + timedelta(days=int(of_year) - 1)
            if start.year != int(year):
                raise ValueError(f"day of year {of_year} is outside 1 … 366")
    except ValueError as error:
        raise InputError(f"{text!r} is not a date: {error}") from error
    leap = second == 60 and system == "UTC"
    if hour > 23 or minute > 59 or (second > 59 and not leap):
        raise InputError(f"{text!r} is not a time of the day in {system}")
    whole = (start - _UNIX).days * 86_400 + hour * 3600 + minute * 60 + second
    rest = round(Decimal(f"0.{fraction or 0}") * 1_000_000_000)
    epoch = from_scale(whole * 1_000_000_000 + rest, system, eop, leap=leap)
    if leap and not epoch.in_leap_second:
        raise InputError(f"{text!r}: no leap second is known there, so its minute has no second 60")
    return epoch


def from_scale(ns: int, system: str, eop: EarthOrientation | None = None, *, leap: bool = False) -> Epoch:
    """The instant whose calendar reading in ``system`` is ``ns`` nanoseconds after 1970-01-01.

    Days have 86 400 s in the count; ``leap``: the UTC reading is of a second 60.
    """
    if system == "UTC":
        if not leap:
            return Epoch.from_utc_unix_ns(ns)
        return Epoch.from_utc_unix_ns(ns - 1_000_000_000) + 1
    if system == "UT1":
        eop = eop or EarthOrientation.bundled()
        first = Epoch.from_utc_unix_ns(ns)  # UT1 is within a second of UTC, and drifts by 3 ms a day at most
        offset = eop.at(first, np.zeros(1)).ut1_tai_s[0]
        return Epoch(ns - round(float(offset) * 1e9))
    epoch = Epoch(ns + round(_TAI_MINUS_S[system] * 1e9))
    if system == "TDB":
        day, rest = divmod(ns, 86_400_000_000_000)
        ahead = float(erfa.dtdb(2_440_587.5 + day, rest / 86_400e9, 0.0, 0.0, 0.0, 0.0))
        epoch = Epoch(epoch.tai_ns - round(ahead * 1e9))
    return epoch
