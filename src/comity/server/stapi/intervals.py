"""STAPI's ``datetime``: closed and open intervals of RFC 3339 times."""

from __future__ import annotations

import re
from dataclasses import dataclass

from comity.core import Epoch, InputError, Interval
from comity.server.problems import FieldError

#: Where an interval with an open end stops: so long (s) after its start, or after now if that is later.
OPEN_END_S = 14 * 86_400.0
#: The longest interval of a search that is answered at once, and of any request.
SYNC_S = 31 * 86_400.0
MAX_S = 366 * 86_400.0

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_OPEN = ("", "..")
_FORM = "START/END of RFC 3339 times, either of them '..' or empty if open"
#: What can be written as RFC 3339.
_LAST = Epoch.from_iso("9999-12-31T23:59:59Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedInterval:
    """``text`` as it was sent; ``interval`` the part of it that lies ahead, closed."""

    text: str
    interval: Interval


def read_interval(text: str, now: Epoch, *, field: str, longest_s: float = MAX_S) -> AskedInterval:
    """The interval that ``text`` says.

    A start that is open or past is ``now``; an open end is :data:`OPEN_END_S` after the start. Raises
    :class:`FieldError`: not of the form, open at both ends, empty, over, or longer than ``longest_s``.
    """

    def wrong(why: str, limit: object = None) -> FieldError:
        return FieldError(why, field=field, value=text, limit=limit)

    parts = text.split("/")
    if len(parts) != 2:
        raise wrong(f"it must be {_FORM}", _FORM)
    if parts[0] in _OPEN and parts[1] in _OPEN:
        raise wrong("only one end may be open", _FORM)
    start = None if parts[0] in _OPEN else _time(parts[0], wrong)
    end = None if parts[1] in _OPEN else _time(parts[1], wrong)
    if start is not None and end is not None and end <= start:
        raise wrong(f"its end {end} is not after its start {start}")
    if end is not None and end <= now:
        raise wrong(f"it ended at {end}: it is {now} now", now.iso())
    begun = now if start is None else max(start, now)
    ended = begun + OPEN_END_S if end is None else end
    if ended > _LAST:
        raise wrong(f"it ends after {_LAST}: no later time can be written", _LAST.iso())
    since = start or begun
    if ended - since > longest_s:
        days = (ended - since) / 86_400.0
        raise wrong(
            f"it lasts {days:,.0f} days, the limit is {longest_s / 86_400:g} days: ask for a part of it"
            + (", or send 'Prefer: respond-async'" if longest_s < MAX_S else ""),
            f"{longest_s / 86_400:g} days",
        )
    return AskedInterval(text=text, interval=Interval(begun, ended))


def _time(text: str, wrong: object) -> Epoch:
    assert callable(wrong)
    if not _RFC3339.fullmatch(text):
        raise wrong(f"{text[:40]!r} is not an RFC 3339 time such as 2026-01-31T06:00:00Z", _FORM)
    try:
        return Epoch.from_iso(text.upper())
    except InputError as error:
        raise wrong(str(error)) from error
