"""Catalogues of mean elements: any of the formats they are published in, read object by object."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from comity.core import Epoch, InputError, UnknownIdError
from comity.orbits import omm
from comity.orbits.elements import MeanElements
from comity.orbits.tle import parse_alpha5, parse_tle, split_tle

_FORMATS = "TLE, 3LE, or CCSDS OMM as XML, KVN, JSON or CelesTrak CSV"
_MAX_BYTES = 500_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """An object that could not be read: what is known of its name and number, where it stands, and why."""

    name: str
    norad_id: int | None
    where: str
    reason: str

    def __str__(self) -> str:
        called = self.name or ("object" if self.norad_id is None else f"NORAD {self.norad_id}")
        return f"{called} ({self.where}): {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What a file of elements held: the usable ones, in its order, and what was skipped."""

    elements: tuple[MeanElements, ...]
    skipped: tuple[Skipped, ...]


def read_elements(path: Path | str) -> Catalogue:
    """Elements of a file; its format is told from its content. ``source`` of each is the file's name.

    Raises :class:`InputError` when the file is missing, empty, binary, of no known format, or holds not one
    usable object (the message gives the first reason).
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(
                f"{path} is larger than {_MAX_BYTES // 1_000_000} MB: no catalogue of elements is"
            )
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read elements from {path}: {error.strerror or error}") from error
    if not content.strip():
        raise InputError(f"{path} is empty: expected {_FORMATS}")
    if b"\0" in content:
        raise InputError(f"{path} is a binary file: expected {_FORMATS}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # names with accents in old catalogues; elements are ASCII anyway
    try:
        return parse_elements(text, path.name)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def parse_elements(text: str, source: str) -> Catalogue:
    """Elements of a text in any supported format; ``source`` says where it came from.

    Raises :class:`InputError` when no object in it is usable.
    """
    good: list[MeanElements] = []
    skipped: list[Skipped] = []
    for item in _objects(text, source):
        if isinstance(item, Skipped):
            skipped.append(item)
        else:
            good.append(item)
    if not good:
        if not skipped:
            raise InputError(f"holds no elements: expected {_FORMATS}")
        more = f" (and {len(skipped) - 1} more)" if len(skipped) > 1 else ""
        raise InputError(f"no usable elements; {skipped[0]}{more}; expected {_FORMATS}")
    return Catalogue(elements=tuple(good), skipped=tuple(skipped))


def select(elements: Sequence[MeanElements], wanted: str) -> tuple[MeanElements, ...]:
    """Objects named in ``NAME_OR_NORAD,…``: by catalogue number, else by whole name in any case.

    In the order asked for, each once; a name borne by several objects gives them all. Raises
    :class:`UnknownIdError` for a name or number that is not there, :class:`InputError` for an empty one.
    """
    chosen: dict[tuple[int, int], MeanElements] = {}
    for part in wanted.split(","):
        key = part.strip()
        if not key:
            raise InputError(f"{wanted!r} has an empty name between its commas")
        found = [one for one in elements if key.isdecimal() and one.norad_id == int(key)]
        found = found or [one for one in elements if one.name.casefold() == key.casefold()]
        if not found:
            names = {one.name.casefold(): one.name for one in elements}
            near = difflib.get_close_matches(key.casefold(), names, n=5, cutoff=0.5)
            raise UnknownIdError("object", key, tuple(names[n] for n in near))
        for one in found:
            chosen[one.norad_id, one.epoch.tai_ns] = one
    return tuple(chosen.values())


def nearest_in_time(elements: Sequence[MeanElements], at: Epoch) -> tuple[MeanElements, ...]:
    """One set of elements per object, the one whose epoch is nearest to ``at``; order is kept."""
    best: dict[int, MeanElements] = {}
    for one in elements:
        known = best.get(one.norad_id)
        if known is None or abs(one.age_s(at)) < abs(known.age_s(at)):
            best[one.norad_id] = one
    return tuple(best.values())


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
