"""Two-line elements, read strictly by column and written.

Layout: Space-Track's "Basic Description of the Two Line Element (TLE) Format"; catalogue numbers of 100 000
and more in the Alpha-5 scheme (letters but I and O stand for 10 … 33).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from comity.core import Epoch, InputError
from comity.orbits.elements import MeanElements

LINE_LENGTH = 69

_ALPHA5 = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_MAX_ALPHA5_ID = 339_999
_EXPONENT_FIELD = re.compile(r"\s*([+-]?)(\d{1,5})([+-]\d)\s*")
_DESIGNATOR = re.compile(r"(\d{2})(\d{3})([A-Z]{1,3})")
_COSPAR = re.compile(r"(?:19|20)(\d{2})-(\d{3})([A-Z]{1,3})")
_NS_PER_DAY = 86_400_000_000_000
_NS_PER_TICK = 864_000  # the last printed digit of an epoch, 1e-8 day


@dataclass(frozen=True, slots=True)
class TleLines:
    """Two element lines as found in a text, ``line_no`` being that of the first (from 1).

    ``fault`` says what is wrong with their arrangement, when something is.
    """

    name: str
    line_no: int
    line1: str = ""
    line2: str = ""
    fault: str = ""


def split_tle(text: str) -> Iterator[TleLines]:
    """Objects of a TLE or 3LE text, in order; blank lines and lines starting with ``#`` are passed over."""
    name, name_at = "", 0
    first, first_at = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if first:
            if line.startswith("2 "):
                yield TleLines(name, first_at, first, line)
                name, first = "", ""
                continue
            yield TleLines(name, first_at, first, fault="line 1 has no line 2 after it")
            name, first = "", ""
        if line.startswith("1 "):
            first, first_at = line, number
        elif line.startswith("2 ") and len(line) > 24:
            yield TleLines(name, number, fault="line 2 has no line 1 before it")
            name = ""
        else:
            if name:
                yield TleLines(name, name_at, fault="no element lines follow this name")
            name, name_at = line.removeprefix("0 ").strip(), number
    if first:
        yield TleLines(name, first_at, first, fault="line 1 has no line 2 after it")
    elif name:
        yield TleLines(name, name_at, fault="no element lines follow this name")


def parse_tle(line1: str, line2: str, name: str = "", source: str = "") -> MeanElements:
    """Mean elements of two lines of 69 columns.

    ``name``: what to call the object; empty gives ``NORAD 12345``. Raises :class:`InputError` naming the
    column and value: wrong length, number, checksum or field.
    """
    for number, line in ((1, line1), (2, line2)):
        if len(line) != LINE_LENGTH:
            cut = "truncated?" if len(line) < LINE_LENGTH else "something follows it"
            raise InputError(f"line {number} has {len(line)} characters, not {LINE_LENGTH}: {cut}")
        if not line.isascii() or line[:2] != f"{number} ":
            raise InputError(f"line {number} does not start with '{number} ' or is not plain ASCII")
        expected = checksum(line)
        if line[68] != str(expected):
            raise InputError(f"line {number} has checksum {line[68]!r}, its digits give {expected}")
    norad_id = parse_alpha5(line1[2:7])
    if norad_id != parse_alpha5(line2[2:7]):
        raise InputError(f"line 1 is of object {line1[2:7]}, line 2 of {line2[2:7]}")
    ephemeris_type = _integer(line1[62], "ephemeris type", 1, 63)
    if ephemeris_type == 4:
        raise InputError("ephemeris type 4 is SGP4-XP, whose theory is not published")
    designator = line1[9:17].strip()
    match = _DESIGNATOR.fullmatch(designator)
    if match:
        designator = f"{_year(int(match[1]))}-{match[2]}{match[3]}"
    return MeanElements(
        name=name or f"NORAD {norad_id}",
        norad_id=norad_id,
        cospar_id=designator,
        epoch=_epoch(line1[18:20], line1[20:32]),
        mean_motion=_number(line2[52:63], "mean motion", 2, 53),
        eccentricity=float("0." + _digits(line2[26:33], "eccentricity", 2, 27)),
        inclination_deg=_number(line2[8:16], "inclination", 2, 9),
        raan_deg=_number(line2[17:25], "right ascension of the node", 2, 18),
        arg_of_perigee_deg=_number(line2[34:42], "argument of perigee", 2, 35),
        mean_anomaly_deg=_number(line2[43:51], "mean anomaly", 2, 44),
        bstar=_exponent(line1[53:61], "B*", 54),
        mean_motion_dot=_number(line1[33:43], "first derivative of mean motion", 1, 34),
        mean_motion_ddot=_exponent(line1[44:52], "second derivative of mean motion", 45),
        classification=line1[7].strip() or "U",
        ephemeris_type=ephemeris_type,
        element_set_no=_integer(line1[64:68], "element set number", 1, 65),
        rev_at_epoch=_integer(line2[63:68], "revolution number", 2, 64),
        source=source,
    )


def to_tle(elements: MeanElements) -> tuple[str, str]:
    """The two lines of these elements, rounded to what the format can print.

    Revolution and element-set numbers keep their last digits, as the format does. Raises
    :class:`InputError` when a value does not fit (catalogue numbers end at 339 999).
    """
    number = format_alpha5(elements.norad_id)
    ticks = round(elements.epoch.utc_unix_ns / _NS_PER_TICK)
    year = datetime.fromtimestamp(ticks * _NS_PER_TICK // 1_000_000_000, UTC).year
    new_year = round(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
    days, rest = divmod(ticks - new_year // _NS_PER_TICK, _NS_PER_DAY // _NS_PER_TICK)
    match = _COSPAR.fullmatch(elements.cospar_id)
    designator = f"{match[1]}{match[2]}{match[3]}" if match else elements.cospar_id
    if len(designator) > 8 or not designator.isascii():
        designator = ""
    dot = f"{elements.mean_motion_dot:.8f}"
    if not -1.0 < float(dot) < 1.0:
        raise InputError(f"mean motion's first derivative {elements.mean_motion_dot:g} does not fit in a TLE")
    dot = ("-" if dot.startswith("-") else " ") + dot.lstrip("-")[1:]
    eccentricity = f"{elements.eccentricity:.7f}"
    if not eccentricity.startswith("0."):
        raise InputError(f"eccentricity {elements.eccentricity!r} does not fit in a TLE")
    line1 = (
        f"1 {number}{elements.classification[:1] or 'U'} {designator:<8} {year % 100:02d}{days + 1:03d}."
        f"{rest:08d} {dot} {_print_exponent(elements.mean_motion_ddot)} {_print_exponent(elements.bstar)} "
        f"{elements.ephemeris_type % 10:d} {elements.element_set_no % 10_000:4d}"
    )
    line2 = (
        f"2 {number} {elements.inclination_deg:8.4f} {_print_angle(elements.raan_deg)} {eccentricity[2:]} "
        f"{_print_angle(elements.arg_of_perigee_deg)} {_print_angle(elements.mean_anomaly_deg)} "
        f"{elements.mean_motion:11.8f}{elements.rev_at_epoch % 100_000:5d}"
    )
    return line1 + str(checksum(line1)), line2 + str(checksum(line2))


def checksum(line: str) -> int:
    """Last digit of the sum of the first 68 columns' digits, a minus counting 1."""
    return sum(int(c) if c.isdecimal() else c == "-" for c in line[:68]) % 10


def parse_alpha5(field: str) -> int:
    """Catalogue number of a five-column field: ``25544``, ``A0001`` = 100001."""
    text = field.strip()
    if text[:1] in _ALPHA5 and len(text) == 5 and text[1:].isdecimal():
        return (10 + _ALPHA5.index(text[0])) * 10_000 + int(text[1:])
    if not text.isdecimal():
        raise InputError(f"catalogue number {field!r} is neither digits nor Alpha-5")
    return int(text)


def format_alpha5(norad_id: int) -> str:
    """Five columns of a catalogue number; above 339 999 raises :class:`InputError`."""
    if not 0 <= norad_id <= _MAX_ALPHA5_ID:
        raise InputError(
            f"catalogue number {norad_id} does not fit in a TLE (at most {_MAX_ALPHA5_ID}): use OMM"
        )
    head, tail = divmod(norad_id, 10_000)
    return f"{norad_id:05d}" if head < 10 else f"{_ALPHA5[head - 10]}{tail:04d}"


def _year(two_digits: int) -> int:
    return two_digits + (1900 if two_digits >= 57 else 2000)


def _bad(what: str, text: str, line: int, column: int) -> InputError:
    return InputError(f"line {line} column {column}: {what} {text!r} is not a number of the TLE form")


def _number(text: str, what: str, line: int, column: int) -> float:
    stripped = text.strip()
    if not re.fullmatch(r"[+-]?\d*\.\d+", stripped):
        raise _bad(what, text, line, column)
    return float(stripped)


def _digits(text: str, what: str, line: int, column: int) -> str:
    padded = text.replace(" ", "0")
    if not padded.isdecimal():
        raise _bad(what, text, line, column)
    return padded


def _integer(text: str, what: str, line: int, column: int) -> int:
    stripped = text.strip() or "0"
    if not stripped.isdecimal():
        raise _bad(what, text, line, column)
    return int(stripped)


def _exponent(text: str, what: str, column: int) -> float:
    """``-11606-4`` is −0.11606e−4."""
    match = _EXPONENT_FIELD.fullmatch(text)
    if match is None:
        if not text.strip():
            return 0.0
        raise _bad(what, text, 1, column)
    return float(f"{match[1]}.{match[2]}e{match[3]}")


def _print_exponent(value: float) -> str:
    sign = "-" if value < 0 else " "
    digits, exponent = f"{abs(value):.4e}".split("e")
    mantissa, power = int(digits.replace(".", "")), int(exponent) + 1
    if power < -9:  # one digit of exponent: what is smaller loses digits, then everything
        mantissa, power = round(abs(value) * 1e14), -9
    if mantissa == 0:
        return " 00000+0"
    if power > 9:
        raise InputError(f"{value:g} does not fit in a TLE")
    return f"{sign}{mantissa:05d}{power:+d}"


def _print_angle(degrees: float) -> str:
    return f"{round(degrees % 360.0, 4) % 360.0:8.4f}"


def _epoch(year: str, day: str) -> Epoch:
    try:
        count = Decimal(day.strip())
        start = datetime(_year(int(year)), 1, 1, tzinfo=UTC)
    except (InvalidOperation, ValueError) as error:
        raise _bad("epoch", year + day, 1, 19) from error
    if not (count.is_finite() and 1 <= count < 367):
        raise InputError(f"line 1 column 21: day of year {day.strip()} is outside 1 … 366")
    since = int(((count - 1) * _NS_PER_DAY).to_integral_value())
    return Epoch.from_utc_unix_ns(round(start.timestamp()) * 1_000_000_000 + since)
