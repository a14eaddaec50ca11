"""Catalogues of mean elements, files of ephemerides: any format they are published in, object by object."""

from __future__ import annotations

import difflib
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from comity.core import Epoch, InputError, UnknownIdError
from comity.orbits import oem, omm, sp3
from comity.orbits.earth import EarthOrientation
from comity.orbits.elements import MeanElements, Skipped
from comity.orbits.ephemeris import Ephemeris
from comity.orbits.tle import parse_alpha5, parse_tle, split_tle

_ELEMENT_FORMATS = "TLE, 3LE, or CCSDS OMM as XML, KVN, JSON or CelesTrak CSV"
_FORMATS = "TLE, 3LE, CCSDS OMM (XML, KVN, JSON, CelesTrak CSV), CCSDS OEM (KVN, XML) or SP3"
_MAX_BYTES = 500_000_000
_OEM_TAG = re.compile(r"<(?:\w+:)?oem[\s>]")
_OEM_HEAD = re.compile(r"^\s*CCSDS_OEM_VERS\s*=", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What a file of elements held: the usable ones, in its order, and what was skipped."""

    elements: tuple[MeanElements, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Orbits:
    """What a file of orbits of any kind held: ``elements`` or ``ephemerides``, and what was skipped."""

    elements: tuple[MeanElements, ...] = ()
    ephemerides: tuple[Ephemeris, ...] = ()
    skipped: tuple[Skipped, ...] = ()


def read_elements(path: Path | str) -> Catalogue:
    """Elements of a file; its format is told from its content. ``source`` of each is the file's name.

    A file packed with gzip is unpacked. Raises :class:`InputError` when the file is missing, empty, binary,
    of no known format, an ephemeris, or holds not one usable object (the message gives the first reason).
    """
    path = Path(path)
    text = _read(path, _ELEMENT_FORMATS)
    try:
        return parse_elements(text, path.name)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def read_orbits(path: Path | str, eop: EarthOrientation | None = None) -> Orbits:
    """Elements or ephemerides of a file, told from its content: what :func:`read_elements` takes, OEM or SP3.

    ``eop``: for an ephemeris whose times are UT1 (None: the bundled table). Errors as there.
    """
    path = Path(path)
    text = _read(path, _FORMATS)
    try:
        read = _ephemeris_reader(text)
        if read is None:
            catalogue = parse_elements(text, path.name)
            return Orbits(elements=catalogue.elements, skipped=catalogue.skipped)
        found = list(read(text, path.name, eop))
        good = tuple(one for one in found if isinstance(one, Ephemeris))
        skipped = tuple(one for one in found if isinstance(one, Skipped))
        if not good:
            raise InputError(
                f"no usable ephemeris{'; ' if skipped else ''}{'; '.join(map(str, skipped[:3]))}"
            )
        return Orbits(ephemerides=good, skipped=skipped)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def parse_elements(text: str, source: str) -> Catalogue:
    """Elements of a text in any supported format; ``source`` says where it came from.

    Raises :class:`InputError` when no object in it is usable.
    """
    if _ephemeris_reader(text) is not None:
        raise InputError(f"holds an ephemeris (OEM or SP3), not elements: expected {_ELEMENT_FORMATS}")
    good: list[MeanElements] = []
    skipped: list[Skipped] = []
    for item in _objects(text, source):
        if isinstance(item, Skipped):
            skipped.append(item)
        else:
            good.append(item)
    if not good:
        if not skipped:
            raise InputError(f"holds no elements: expected {_ELEMENT_FORMATS}")
        more = f" (and {len(skipped) - 1} more)" if len(skipped) > 1 else ""
        raise InputError(f"no usable elements; {skipped[0]}{more}; expected {_ELEMENT_FORMATS}")
    return Catalogue(elements=tuple(good), skipped=tuple(skipped))


class Named(Protocol):
    """What can be asked for by name or catalogue number: elements, ephemerides, trajectories."""

    @property
    def name(self) -> str:
        """The object's name."""
        ...

    @property
    def norad_id(self) -> int:
        """Its catalogue number, 0 where it has none."""
        ...


N = TypeVar("N", bound=Named)


def select(objects: Sequence[N], wanted: str) -> tuple[N, ...]:
    """Objects named in ``NAME_OR_NORAD,…``: by catalogue number, else by whole name in any case.

    In the order asked for, each once; a name borne by several objects gives them all. Raises
    :class:`UnknownIdError` for a name or number that is not there, :class:`InputError` for an empty one.
    """
    chosen: dict[int, N] = {}
    for part in wanted.split(","):
        key = part.strip()
        if not key:
            raise InputError(f"{wanted!r} has an empty name between its commas")
        number = int(key) if key.isdecimal() else 0
        found = [one for one in objects if number and one.norad_id == number]
        found = found or [one for one in objects if one.name.casefold() == key.casefold()]
        if not found:
            names = {one.name.casefold(): one.name for one in objects}
            near = difflib.get_close_matches(key.casefold(), names, n=5, cutoff=0.5)
            raise UnknownIdError("object", key, tuple(names[n] for n in near))
        for one in found:
            chosen[id(one)] = one
    return tuple(chosen.values())


def nearest_in_time(elements: Sequence[MeanElements], at: Epoch) -> tuple[MeanElements, ...]:
    """One set of elements per object, the one whose epoch is nearest to ``at``; order is kept."""
    best: dict[int, MeanElements] = {}
    for one in elements:
        known = best.get(one.norad_id)
        if known is None or abs(one.age_s(at)) < abs(known.age_s(at)):
            best[one.norad_id] = one
    return tuple(best.values())


def _read(path: Path, formats: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if content[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(content)) as packed:
                content = packed.read(_MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read elements from {path}: {reason}") from error
    if len(content) > _MAX_BYTES:
        raise InputError(f"{path} is larger than {_MAX_BYTES // 1_000_000} MB, the most that is read")
    if not content.strip():
        raise InputError(f"{path} is empty: expected {formats}")
    if b"\0" in content:
        raise InputError(f"{path} is a binary file: expected {formats}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")  # names with accents in old catalogues; the rest is ASCII anyway


def _ephemeris_reader(
    text: str,
) -> Callable[[str, str, EarthOrientation | None], Iterator[Ephemeris | Skipped]] | None:
    """What reads this text if it is one of ephemerides."""
    start = text.lstrip()[:64]
    if start.startswith("<"):
        return oem.read_oem_xml if _OEM_TAG.search(text) else None
    if start.startswith(("{", "[")):
        return None
    if sp3.looks_like_sp3(text):
        return sp3.read_sp3
    return oem.read_oem_kvn if _OEM_HEAD.search(text) else None


def _objects(text: str, source: str) -> Iterator[MeanElements | Skipped]:
    start = text.lstrip()
    if start.startswith("<"):
        yield from _messages(omm.read_xml, text, source)
    elif start.startswith(("{", "[")):
        yield from _messages(omm.read_json, text, source)
    elif "CCSDS_OMM_VERS" in text:
        yield from _messages(omm.read_kvn, text, source)
    elif "NORAD_CAT_ID" in start.partition("\n")[0]:
        yield from _messages(omm.read_csv, start, source)
    else:
        for lines in split_tle(text):
            reason = lines.fault
            if not reason:
                try:
                    yield parse_tle(lines.line1, lines.line2, lines.name, source)
                    continue
                except InputError as error:
                    reason = str(error)
            yield Skipped(
                name=lines.name,
                norad_id=_number(lines.line1[2:7]),
                where=f"line {lines.line_no}",
                reason=reason,
            )


def _messages(
    read: Callable[[str], Iterator[omm.Message]], text: str, source: str
) -> Iterator[MeanElements | Skipped]:
    for where, fields in read(text):
        if isinstance(fields, str):
            yield Skipped(name="", norad_id=None, where=where, reason=fields)
            continue
        try:
            yield omm.elements_from_omm(fields, source)
        except InputError as error:
            yield Skipped(
                name=str(fields.get("OBJECT_NAME") or ""),
                norad_id=_number(str(fields.get("NORAD_CAT_ID") or "")),
                where=where,
                reason=str(error),
            )


def _number(text: str) -> int | None:
    try:
        return parse_alpha5(text)
    except InputError:
        return None
