"""A condition written as text: ``elevation(site) > 10 and sunlit and not moon_separation(site) < 5``.

::

    expression  = term { "or" term }
    term        = factor { "and" factor }
    factor      = "not" factor | "(" expression ")" | statement | comparison
    comparison  = quantity compare value [ compare value ] | value compare quantity [ compare value ]
    compare     = "<" | "<=" | ">" | ">="
    value       = [ "-" ] NUMBER [ unit ]
    statement, quantity = NAME [ "(" argument { "," argument } ")" ]
    argument    = NAME | "TEXT" | [ "-" ] NUMBER

The words are those of :data:`STATEMENTS` and :data:`QUANTITIES`; nothing of the text is ever run as code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from comity.access.conditions import eclipse, ground, objects, place
from comity.access.conditions.base import Composable, all_of, any_of, negation
from comity.access.stations import Site
from comity.core import InputError, UnknownIdError
from comity.orbits import Trajectory

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
    r"|(?P<word>[^\W\d]\w*)|(?P<text>\"[^\"]*\"|'[^']*')|(?P<sign><=|>=|==|!=|[<>(),%°+-]))"
)
_COMPARISONS = ("<", "<=", ">", ">=")
_LOGIC = ("and", "or", "not")
#: Longer or deeper texts come from a program gone wrong; each level is a recursion, here and in the search.
MAX_CHARACTERS = 10_000
MAX_DEPTH = 50
#: Kind of quantity → its units, each as a factor to the first; a bare number is in the first.
_UNITS: Mapping[str, Mapping[str, float]] = {
    "angle": {"deg": 1.0, "°": 1.0, "rad": 180.0 / math.pi, "arcmin": 1.0 / 60.0, "arcsec": 1.0 / 3600.0},
    "length": {"km": 1.0, "m": 1e-3},
    "fraction": {"": 1.0, "%": 0.01},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an expression may name: sites by name, and other objects through ``find``.

    ``find`` raises :class:`UnknownIdError` where it knows no such object.
    """

    sites: Mapping[str, Site]
    find: Callable[[str], Trajectory]


@dataclass(frozen=True, slots=True)
class _Word:
    """``takes``: kinds of its arguments (``?`` at the end: may be left out). ``make``: from the trajectory
    and the arguments, for a quantity with the least value last. ``kind``: of its unit, for a quantity."""

    takes: tuple[str, ...]
    make: Callable[..., Composable]
    kind: str = ""


def _range(trajectory: Trajectory, other: Site | Trajectory, km: float) -> Composable:
    if isinstance(other, Site):
        return negation(ground.range_to_site(trajectory, other, km * 1e3))
    return negation(objects.range_between(trajectory, other, km * 1e3))


def _sight(trajectory: Trajectory, other: Trajectory, limb_km: float = 0.0) -> Composable:
    return objects.line_of_sight(trajectory, other, limb_km * 1e3)


#: What holds or does not, without a comparison.
STATEMENTS: Mapping[str, _Word] = {
    "annular": _Word((), eclipse.annular),
    "ascending": _Word((), place.ascending),
    "azimuth_between": _Word(("site", "angle", "angle"), ground.azimuth),
    "box": _Word(("angle", "angle", "angle", "angle"), place.box),
    "day": _Word(("site",), lambda trajectory, site: ground.daylight(site)),
    "descending": _Word((), place.descending),
    "eclipse": _Word((), eclipse.eclipsed),
    "left": _Word(("site",), ground.left_of_track),
    "line_of_sight": _Word(("object", "length?"), _sight),
    "longitude_between": _Word(("angle", "angle"), place.longitude),
    "night": _Word(("site",), lambda trajectory, site: negation(ground.daylight(site))),
    "penumbra": _Word((), eclipse.penumbra),
    "right": _Word(("site",), ground.right_of_track),
    "sunlit": _Word((), eclipse.sunlit),
    "umbra": _Word((), eclipse.umbra),
}
#: What is compared with a value.
QUANTITIES: Mapping[str, _Word] = {
    "altitude": _Word((), lambda trajectory, km: place.altitude(trajectory, km * 1e3), "length"),
    "elevation": _Word(("site",), ground.elevation, "angle"),
    "incidence": _Word(("site",), lambda *a: negation(ground.incidence(*a)), "angle"),
    "latitude": _Word((), place.latitude, "angle"),
    "moon_illumination": _Word((), lambda trajectory, least: objects.moon_illumination(least), "fraction"),
    "moon_separation": _Word(("target",), lambda *a: objects.separation("moon", *a), "angle"),
    "off_nadir": _Word(("site",), lambda *a: negation(ground.off_nadir(*a)), "angle"),
    "range": _Word(("place",), _range, "length"),
    "sun_elevation": _Word(("site",), lambda trajectory, *a: ground.sun_elevation(*a), "angle"),
    "sun_separation": _Word(("target",), lambda *a: objects.separation("sun", *a), "angle"),
}


def condition_from_text(text: str, trajectory: Trajectory, surroundings: Surroundings) -> Composable:
    """The condition that an expression states of one object.

    Raises :class:`InputError` saying where the text cannot be read and what may stand there,
    :class:`UnknownIdError` for an object that is not known.
    """
    return _Parser(text, trajectory, surroundings).whole()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    value: str
    at: int


class _Parser:
    """Reads an expression from left to right."""

    def __init__(self, text: str, trajectory: Trajectory, surroundings: Surroundings) -> None:
        if len(text) > MAX_CHARACTERS:
            raise InputError(f"an expression has {len(text):,} characters, the limit is {MAX_CHARACTERS:,}")
        self.text = text
        self.trajectory = trajectory
        self.known = surroundings
        self.tokens = list(self._split())
        self.next = 0
        self.depth = 0

    def whole(self) -> Composable:
        found = self._expression()
        if self._now.kind != "end":
            self._fail(f"{self._now.value!r} does not belong here: join conditions with and, or, not")
        return found

    def _split(self) -> Sequence[_Token]:
        tokens, at = [], 0
        end = len(self.text.rstrip())
        while at < end:
            m = _TOKEN.match(self.text, at)
            if m is None:
                raise InputError(f"{_shown(self.text)}: {self.text[at:].strip()[:1]!r} means nothing here")
            kind = str(m.lastgroup)
            tokens.append(_Token(kind, m[kind], m.start(kind)))
            at = m.end()
        return [*tokens, _Token("end", "the end", end)]

    @property
    def _now(self) -> _Token:
        return self.tokens[self.next]

    def _fail(self, why: str) -> NoReturn:
        raise InputError(f"{_shown(self.text)}, character {self._now.at + 1}: {why}")

    def _take(self, *values: str) -> bool:
        if self._now.kind != "text" and self._now.value in values:
            self.next += 1
            return True
        return False

    def _expression(self) -> Composable:
        parts = [self._term()]
        while self._take("or"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else any_of(*parts)

    def _term(self) -> Composable:
        parts = [self._factor()]
        while self._take("and"):
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else all_of(*parts)

    def _factor(self) -> Composable:
        if self._now.value in ("not", "(") and self._now.kind != "text":
            return self._nested()
        if self._now.kind == "number" or self._now.value == "-":
            return self._comparison_from_value()
        if self._now.kind != "word" or self._now.value in _LOGIC:
            self._fail(f"a condition must stand here, not {self._now.value!r}: {_vocabulary()}")
        name = self._now.value
        if name in STATEMENTS:
            made = self._call(name, STATEMENTS[name])
            if self._now.value in _COMPARISONS:
                self._fail(f"{name} holds or does not: it is not compared with a value")
            return made()
        return self._comparison(*self._quantity())

    def _nested(self) -> Composable:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._fail(f"brackets and not stand more than {MAX_DEPTH} deep")
        if self._take("not"):
            inner = negation(self._factor())
        else:
            self._take("(")
            inner = self._expression()
            if not self._take(")"):
                self._fail("a bracket is not closed")
        self.depth -= 1
        return inner

    def _quantity(self) -> tuple[str, Callable[..., Composable]]:
        name = self._now.value
        if self._now.kind != "word" or name not in QUANTITIES:
            self._fail(f"{name[:40]!r} is not known: {_vocabulary()}")
        return name, self._call(name, QUANTITIES[name])

    def _comparison(self, name: str, above: Callable[..., Composable]) -> Composable:
        if self._now.value not in _COMPARISONS:
            if self._now.value in ("==", "!="):
                self._fail(f"{name} is compared with <, <=, > or >=")
            self._fail(f"{name} needs a comparison, as in {_example(name)}")
        compared = self._compared(name, above)
        if self._now.value in _COMPARISONS:
            self._fail("a chain has the quantity in its middle, as in 10 < elevation(site) < 30")
        return compared

    def _compared(self, name: str, above: Callable[..., Composable]) -> Composable:
        sign = self._now.value
        self.next += 1
        limit = above(self._value(name))
        return limit if sign in (">", ">=") else negation(limit)

    def _comparison_from_value(self) -> Composable:
        begin = self.next
        while self._now.kind == "number" or self._now.value == "-" or self._unit_follows():
            self.next += 1
        sign = self._now.value
        if sign not in _COMPARISONS:
            self._fail("a value must be compared, as in 10 < elevation(site)")
        self.next += 1
        name, above = self._quantity()
        after, self.next = self.next, begin
        limit = above(self._value(name))
        self.next = after
        first = limit if sign in ("<", "<=") else negation(limit)
        return all_of(first, self._compared(name, above)) if self._now.value in _COMPARISONS else first

    def _unit_follows(self) -> bool:
        return self._now.kind in ("word", "sign") and any(self._now.value in u for u in _UNITS.values())

    def _value(self, name: str) -> float:
        kind = QUANTITIES[name].kind
        number = self._number(f"{name} is compared with a number, as in {_example(name)}")
        units = _UNITS[kind]
        if (self._now.kind == "word" and self._now.value not in _LOGIC) or self._now.value in ("%", "°"):
            if self._now.value not in units:
                known = ", ".join(unit for unit in units if unit) or "none"
                self._fail(f"{name} is {_an(kind)}: {self._now.value!r} is not one of its units ({known})")
            number *= units[self._now.value]
            self.next += 1
        return number

    def _number(self, why: str) -> float:
        sign = -1.0 if self._take("-") else 1.0
        if self._now.kind != "number":
            self._fail(why)
        self.next += 1
        return sign * float(self.tokens[self.next - 1].value)

    def _call(self, name: str, word: _Word) -> Callable[..., Composable]:
        """The word with its arguments read and bound; the value compared with is still to come."""
        self.next += 1
        form = f"{name}({', '.join(kind.rstrip('?') for kind in word.takes)})" if word.takes else name
        arguments: list[Any] = []
        if self._take("("):
            while not self._take(")"):
                if arguments and not self._take(","):
                    self._fail(f"a comma or a bracket must stand here: {form}")
                if len(arguments) >= len(word.takes):
                    self._fail(f"too many arguments: {form}")
                arguments.append(self._argument(word.takes[len(arguments)].rstrip("?"), form))
        least = sum(not kind.endswith("?") for kind in word.takes)
        if len(arguments) < least:
            self._fail(f"too few arguments: {form}")

        def make(*value: float) -> Composable:
            return word.make(self.trajectory, *arguments, *value)

        return make

    def _argument(self, kind: str, form: str) -> Site | Trajectory | str | float:
        if kind in _UNITS:
            return self._number(f"a number must stand here: {form}")
        if self._now.kind not in ("word", "text"):
            self._fail(f"a name must stand here: {form}")
        quoted = self._now.kind == "text"
        name = self._now.value[1:-1] if quoted else self._now.value
        if kind == "target" and not quoted and name in objects.BORESIGHTS:
            self.next += 1
            return name
        found: Site | Trajectory | None = None if kind == "object" else self._site(name)
        if found is None and kind == "site":
            self._fail(f"no site is called {name!r}: {self._sites()}")
        if found is None:
            try:
                found = self.known.find(name)
            except UnknownIdError as error:
                if kind == "object":
                    raise
                more = f"; boresights: {', '.join(objects.BORESIGHTS)}" if kind == "target" else ""
                self._fail(f"{error}; {self._sites()}{more}")
        self.next += 1
        return found

    def _site(self, name: str) -> Site | None:
        if name in self.known.sites:
            return self.known.sites[name]
        same = [site for known, site in self.known.sites.items() if known.casefold() == name.casefold()]
        if len(same) == 1:
            return same[0]
        if name == "site" and len(self.known.sites) == 1:
            return next(iter(self.known.sites.values()))
        return None

    def _sites(self) -> str:
        names = ", ".join(repr(name) for name in self.known.sites)
        return f"sites: {names}" if names else "there is no site; add --site NAME=LON,LAT[,ALT_M]"


def _shown(text: str) -> str:
    """The text in quotes, its beginning where it would fill the screen."""
    return repr(text) if len(text) <= 200 else f"{text[:200]!r}…"


def _vocabulary() -> str:
    return f"quantities to compare are {', '.join(QUANTITIES)}; statements are {', '.join(STATEMENTS)}"


def _example(name: str) -> str:
    word = QUANTITIES[name]
    inside = {"site": "(site)", "place": '(site) or range("OTHER")', "target": "(site)"}
    argument = inside[word.takes[0]].split(" or ")[0] if word.takes else ""
    return {
        "angle": f"{name}{argument} > 10",
        "length": f"{name}{argument} < 2000",
        "fraction": f"{name}{argument} > 0.5",
    }[word.kind]


def _an(kind: str) -> str:
    default = next(iter(_UNITS[kind]))
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}" + (f" in {default}" if default else " from 0 to 1")
