"""Instants and intervals.

An :class:`Epoch` counts nanoseconds of TAI; UTC appears only where text or a Julian date is read or
written. Leap seconds come from ERFA's table (IERS Bulletin C).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, total_ordering

import erfa

from comity.core.errors import InputError

NS_PER_S = 1_000_000_000
NS_PER_DAY = 86_400 * NS_PER_S
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JD_UNIX = 2_440_587.5
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9})\d*)?)?)?"
    r"(Z|[+-]\d{2}:?\d{2})?"
)


@cache
def _leap_table() -> tuple[list[int], list[int], list[int]]:
    """UTC starts (ns since 1970 UTC), the same in TAI ns, and TAI−UTC (s), from 1972 on."""
    utc_ns, tai_ns, offsets = [], [], []
    for row in erfa.leap_seconds.get():
        year, month, offset = int(row["year"]), int(row["month"]), float(row["tai_utc"])
        if year < 1972:
            continue
        start = round((datetime(year, month, 1, tzinfo=UTC) - _UNIX_EPOCH).total_seconds()) * NS_PER_S
        utc_ns.append(start)
        tai_ns.append(start + int(offset) * NS_PER_S)
        offsets.append(int(offset))
    return utc_ns, tai_ns, offsets


@total_ordering
@dataclass(frozen=True, slots=True)
class Epoch:
    """An instant, as int64 nanoseconds of TAI since 1970-01-01T00:00:00 TAI.

    An epoch belongs to no time scale; UTC is only how it is read and printed. Valid from 1972, when
    UTC got whole leap seconds, to 2261.
    """

    tai_ns: int

    @classmethod
    def from_utc_unix_ns(cls, unix_ns: int) -> Epoch:
        """From UTC nanoseconds since 1970 that do not count leap seconds (POSIX)."""
        starts, _, offsets = _leap_table()
        k = bisect_right(starts, unix_ns) - 1
        if k < 0:
            raise InputError("time before 1972-01-01 UTC: Comity's time starts there")
        return cls(unix_ns + offsets[k] * NS_PER_S)

    @classmethod
    def from_iso(cls, text: str) -> Epoch:
        """Parse ISO 8601 UTC: ``2024-09-22``, ``2024-09-22T06:00:00.123Z``; other offsets convert.

        Raises :class:`InputError` naming the text when it is not such a time.
        """
        m = _ISO.fullmatch(text.strip())
        if m is None:
            raise InputError(f"{text!r} is not an ISO 8601 time such as 2024-09-22T06:00:00Z")
        year, month, day, hour, minute, second = (int(g or 0) for g in m.groups()[:6])
        leap = second == 60
        try:
            moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
        except ValueError as error:
            raise InputError(f"{text!r} is not a date: {error}") from error
        zone = m.group(8)
        if zone and zone != "Z":
            sign = -1 if zone[0] == "-" else 1
            digits = zone[1:].replace(":", "")
            try:
                moment -= sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
            except OverflowError as error:
                raise InputError(f"{text!r} is not in the years 1 to 9999 of UTC") from error
        whole = (moment - _UNIX_EPOCH) // timedelta(seconds=1)
        fraction = int((m.group(7) or "0").ljust(9, "0"))
        epoch = cls(cls.from_utc_unix_ns(whole * NS_PER_S).tai_ns + fraction + (NS_PER_S if leap else 0))
        if leap and not epoch.in_leap_second:
            raise InputError(f"{text!r}: no leap second is known there, so its minute has no second 60")
        return epoch

    @classmethod
    def from_datetime(cls, moment: datetime) -> Epoch:
        """From an aware datetime."""
        if moment.tzinfo is None:
            raise InputError(f"{moment!r} has no time zone")
        micro = (moment - _UNIX_EPOCH) // timedelta(microseconds=1)
        return cls.from_utc_unix_ns(micro * 1000)

    @classmethod
    def from_utc_jd(cls, jd: float, fraction: float = 0.0) -> Epoch:
        """From a UTC Julian date in two parts (days)."""
        whole = (jd - _JD_UNIX) * NS_PER_DAY
        return cls.from_utc_unix_ns(round(whole) + round(fraction * NS_PER_DAY))

    def _utc(self) -> tuple[int, bool]:
        """UTC ns since 1970 without leap seconds, and whether this is inside a leap second."""
        utc_starts, tai_starts, offsets = _leap_table()
        k = bisect_right(tai_starts, self.tai_ns) - 1
        if k < 0:
            raise InputError("time before 1972-01-01 UTC: Comity's time starts there")
        unix_ns = self.tai_ns - offsets[k] * NS_PER_S
        leap = k + 1 < len(utc_starts) and unix_ns >= utc_starts[k + 1]
        return unix_ns, leap

    @property
    def utc_unix_ns(self) -> int:
        """UTC nanoseconds since 1970 that do not count leap seconds (POSIX)."""
        return self._utc()[0]

    @property
    def in_leap_second(self) -> bool:
        """Whether UTC reads a second 60."""
        return self._utc()[1]

    @property
    def datetime(self) -> datetime:
        """Aware UTC datetime, cut to microseconds (a leap second reads as the second after)."""
        return _UNIX_EPOCH + timedelta(microseconds=self.utc_unix_ns // 1000)

    def iso(self, digits: int = 3) -> str:
        """ISO 8601 UTC with ``digits`` decimals (0–9), rounded to nearest, ending in ``Z``."""
        unit = 10 ** (9 - digits)
        rounded = Epoch((self.tai_ns + unit // 2) // unit * unit)
        unix_ns, leap = rounded._utc()
        second, rest = divmod(unix_ns - (NS_PER_S if leap else 0), NS_PER_S)
        text = (_UNIX_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
        if leap:
            text = text[:-2] + "60"
        return text + (f".{rest // unit:0{digits}d}" if digits else "") + "Z"

    def utc_jd(self) -> tuple[float, float]:
        """UTC Julian date as (whole day at midnight, fraction), days."""
        day, rest = divmod(self.utc_unix_ns, NS_PER_DAY)
        return _JD_UNIX + day, rest / NS_PER_DAY

    def __add__(self, seconds: float) -> Epoch:
        if isinstance(seconds, int):
            return Epoch(self.tai_ns + seconds * NS_PER_S)
        return Epoch(self.tai_ns + round(seconds * NS_PER_S))

    def __sub__(self, other: Epoch) -> float:
        """Seconds (SI) from ``other`` to this."""
        return (self.tai_ns - other.tai_ns) / NS_PER_S

    def __lt__(self, other: Epoch) -> bool:
        return self.tai_ns < other.tai_ns

    def __str__(self) -> str:
        return self.iso()


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Half-open span of time ``[start, end)``, never empty."""

    start: Epoch
    end: Epoch

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise InputError(f"start {self.start} is not before end {self.end}")

    @classmethod
    def from_iso(cls, text: str) -> Interval:
        """Parse ``START/END``, both ISO 8601 (the STAPI ``datetime`` form)."""
        start, slash, end = text.partition("/")
        if not slash:
            raise InputError(f"{text!r} is not an interval START/END")
        return cls(Epoch.from_iso(start), Epoch.from_iso(end))

    @property
    def duration_s(self) -> float:
        """Length in SI seconds."""
        return self.end - self.start

    @property
    def middle(self) -> Epoch:
        """The instant half-way."""
        return Epoch((self.start.tai_ns + self.end.tai_ns) // 2)

    def __contains__(self, epoch: Epoch) -> bool:
        return self.start <= epoch < self.end

    def overlaps(self, other: Interval) -> bool:
        """Whether both share more than an instant."""
        return self.start < other.end and other.start < self.end

    def intersection(self, other: Interval) -> Interval | None:
        """The common part, or None."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None

    def days(self) -> Iterator[Interval]:
        """Cut at 24 h steps from the start; the last may be shorter."""
        start = self.start
        while start < self.end:
            end = min(start + 86_400, self.end)
            yield Interval(start, end)
            start = end

    def iso(self) -> str:
        """``START/END`` in ISO 8601 UTC."""
        return f"{self.start.iso()}/{self.end.iso()}"
