"""Orbit Ephemeris Messages (CCSDS 502.0-B): versions 1 to 3 read, KVN or XML; version 2 written, KVN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch, InputError, Interval
from comity.orbits.earth import EarthOrientation
from comity.orbits.elements import Skipped
from comity.orbits.ephemeris import Ephemeris, EphemerisSegment, Interpolation
from comity.orbits.frames import frame_of
from comity.orbits.timesystems import epoch_of, time_system_of

_VERSIONS = ("1.", "2.", "3.")
_REQUIRED = ("OBJECT_NAME", "CENTER_NAME", "REF_FRAME", "TIME_SYSTEM")
_FROZEN = ("TEME", "TOD")  # frames of date; at another epoch they are other frames
_NUMBER = "NORAD_CAT_ID ="


@dataclass(slots=True)
class _Raw:
    """A segment as its text has it: keywords, states' times and numbers (km, km/s), where it begins."""

    where: str
    meta: dict[str, str] = field(default_factory=dict)
    times: list[str] = field(default_factory=list)
    rows: list[Sequence[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read_oem_kvn(
    text: str, source: str, eop: EarthOrientation | None = None
) -> Iterator[Ephemeris | Skipped]:
    """Ephemerides of a text of OEMs in keyword-value notation, one per object of each message.

    Covariances and accelerations are passed over. ``eop``: for times in UT1. Raises :class:`InputError` when
    the text is not laid out as an OEM, naming the line; an object that cannot be used comes as
    :class:`Skipped`.
    """
    originator, segments, version = "", list[_Raw](), ""
    current: _Raw | None = None
    in_meta = in_covariance = False
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line:
            continue
        if line.startswith("COMMENT"):
            if current is not None and _NUMBER in line:
                current.meta["NORAD_CAT_ID"] = line.partition("=")[2].strip()
            continue
        keyword, equals, value = (part.strip() for part in line.partition("="))
        if keyword == "CCSDS_OEM_VERS":
            yield from _ephemerides(segments, originator, source, eop)
            originator, segments, current, version = "", [], None, _version(value)
            in_meta = in_covariance = False
        elif not version:
            raise InputError(f"line {number}: an OEM begins with CCSDS_OEM_VERS, not {line[:40]!r}")
        elif line == "META_START":
            current = _Raw(f"segment at line {number}")
            segments.append(current)
            in_meta, in_covariance = True, False
        elif line == "META_STOP":
            in_meta = False
        elif line in ("COVARIANCE_START", "COVARIANCE_STOP"):
            in_covariance = line == "COVARIANCE_START"
        elif in_covariance:
            continue
        elif current is None:
            if keyword == "ORIGINATOR":
                originator = value
            elif not equals:
                raise InputError(f"line {number}: states before META_START: {line[:40]!r}")
        elif in_meta:
            if not equals:
                raise InputError(f"line {number} is not KEYWORD = VALUE: {line[:40]!r}")
            if keyword in current.meta and keyword != "NORAD_CAT_ID":
                raise InputError(f"line {number} gives {keyword} a second time")
            current.meta[keyword] = value
        else:
            words = line.split()
            if len(words) not in (7, 10):
                raise InputError(
                    f"line {number} is not a state, EPOCH X Y Z X_DOT Y_DOT Z_DOT: {line[:60]!r}"
                )
            current.times.append(words[0])
            current.rows.append(words[1:7])
            current.lines.append(number)
    if not version:
        raise InputError("holds no CCSDS_OEM_VERS")
    if in_meta or in_covariance:
        raise InputError(f"ends within a {'META' if in_meta else 'COVARIANCE'} block: is it cut short?")
    yield from _ephemerides(segments, originator, source, eop)


def read_oem_xml(
    text: str, source: str, eop: EarthOrientation | None = None
) -> Iterator[Ephemeris | Skipped]:
    """Ephemerides of an XML document whose root is ``oem`` or ``ndm``; entities are refused.

    Otherwise as :func:`read_oem_kvn`.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise InputError(f"not XML that can be read: {error}") from error
    messages = [e for e in root.iter() if _local(e) == "oem"]
    if not messages:
        raise InputError(f"XML with root <{_local(root)}> holds no <oem> message")
    for message in messages:
        _version(message.get("version") or "1.0")
        originator, segments = "", list[_Raw]()
        for part in message.iter():
            if _local(part) == "ORIGINATOR":
                originator = (part.text or "").strip()
            elif _local(part) == "segment":
                segments.append(_segment_of_xml(part, len(segments) + 1))
        yield from _ephemerides(segments, originator, source, eop)


def ephemeris_to_oem(ephemeris: Ephemeris, created: Epoch | None = None) -> str:
    """An OEM 2.0 in keyword-value notation, times in UTC, states to the micrometre and nanometre per second.

    Velocities that are not given are those of the interpolating polynomial. ``created``: its CREATION_DATE,
    by default the ephemeris's first instant. Reading it back gives the same states.
    """
    lines = [
        "CCSDS_OEM_VERS = 2.0",
        f"CREATION_DATE = {_stamp(created or ephemeris.span.start, 0)}",
        f"ORIGINATOR = {_plain(ephemeris.originator) or 'COMITY'}",
    ]
    for segment in ephemeris.segments:
        velocity = segment.at(segment.seconds)[1] if segment.velocity is None else segment.velocity
        times = [segment.epoch + float(s) for s in segment.seconds]
        lines += ["", "META_START"]
        if ephemeris.norad_id:
            lines.append(f"COMMENT {_NUMBER} {ephemeris.norad_id}")
        lines += [
            f"OBJECT_NAME = {_plain(ephemeris.name)}",
            f"OBJECT_ID = {_plain(ephemeris.object_id) or ephemeris.norad_id or 'UNKNOWN'}",
            f"CENTER_NAME = {ephemeris.center}",
            f"REF_FRAME = {segment.frame_name}",
            "TIME_SYSTEM = UTC",
            f"START_TIME = {_stamp(times[0])}",
            f"USEABLE_START_TIME = {_stamp(segment.span.start)}",
            f"USEABLE_STOP_TIME = {_stamp(segment.span.end)}",
            f"STOP_TIME = {_stamp(times[-1])}",
            f"INTERPOLATION = {segment.interpolation}",
            f"INTERPOLATION_DEGREE = {segment.degree}",
            "META_STOP",
        ]
        for at, (x, y, z), (vx, vy, vz) in zip(
            times, (segment.position / 1e3).tolist(), (velocity / 1e3).tolist(), strict=True
        ):
            lines.append(f"{_stamp(at)} {x:.9f} {y:.9f} {z:.9f} {vx:.12f} {vy:.12f} {vz:.12f}")
    return "\n".join(lines) + "\n"


def _segment_of_xml(segment: Element, number: int) -> _Raw:
    raw = _Raw(f"segment {number}")
    for part in segment.iter():
        if _local(part) == "metadata":
            for leaf in part:
                text = (leaf.text or "").strip()
                if _local(leaf) == "COMMENT" and _NUMBER in text:
                    raw.meta["NORAD_CAT_ID"] = text.partition("=")[2].strip()
                elif _local(leaf) != "COMMENT":
                    raw.meta[_local(leaf)] = text
        elif _local(part) == "stateVector":
            fields = {_local(leaf): (leaf.text or "").strip() for leaf in part}
            keys = ("EPOCH", "X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")
            missing = [key for key in keys if not fields.get(key)]
            if missing:
                raise InputError(f"{raw.where}: state {len(raw.times) + 1} has no {missing[0]}")
            raw.times.append(fields["EPOCH"])
            raw.rows.append([fields[key] for key in keys[1:]])
            raw.lines.append(len(raw.times))
    return raw


def _ephemerides(
    segments: Sequence[_Raw], originator: str, source: str, eop: EarthOrientation | None
) -> Iterator[Ephemeris | Skipped]:
    """One ephemeris per object of a message, its segments in order; or why the object has none."""
    objects: dict[tuple[str, str], list[_Raw]] = {}
    for raw in segments:
        key = (raw.meta.get("OBJECT_NAME", ""), raw.meta.get("OBJECT_ID", ""))
        objects.setdefault(key, []).append(raw)
    for (name, object_id), its in objects.items():
        where = its[0].where
        norad_id = _catalogue_number(its[0].meta, object_id)
        try:
            built = []
            for raw in its:
                where = raw.where
                built.append(_segment(raw, eop))
            yield Ephemeris(
                name=name,
                object_id=object_id,
                segments=tuple(built),
                center=its[0].meta["CENTER_NAME"],
                originator=originator,
                norad_id=norad_id,
                source=source,
            )
        except InputError as error:
            yield Skipped(name=name, norad_id=norad_id or None, where=where, reason=str(error))


def _segment(raw: _Raw, eop: EarthOrientation | None) -> EphemerisSegment:
    for keyword in _REQUIRED:
        if not raw.meta.get(keyword):
            raise InputError(f"{keyword} is missing")
    frame, system = frame_of(raw.meta["REF_FRAME"]), time_system_of(raw.meta["TIME_SYSTEM"])
    if raw.meta.get("REF_FRAME_EPOCH") and frame in _FROZEN:
        raise InputError(f"REF_FRAME {frame} frozen at a REF_FRAME_EPOCH is not supported: use EME2000")
    if not raw.times:
        raise InputError("has no states")
    epochs = [_of_line(raw, k, text, system, eop) for k, text in enumerate(raw.times)]
    states = _numbers(raw)

    def stated(keyword: str, otherwise: str, fallback: Epoch) -> Epoch:
        text = raw.meta.get(keyword) or raw.meta.get(otherwise)
        return epoch_of(text, system, eop) if text else fallback

    start = stated("USEABLE_START_TIME", "START_TIME", epochs[0])
    stop = stated("USEABLE_STOP_TIME", "STOP_TIME", epochs[-1])
    if stop <= start:
        raise InputError(f"its useable time begins {start} and ends {stop}")
    method = raw.meta.get("INTERPOLATION", "").upper() or None
    degree = raw.meta.get("INTERPOLATION_DEGREE") or None
    if degree is not None and not degree.isdecimal():
        raise InputError(f"INTERPOLATION_DEGREE is {degree!r}, not a whole number")
    return EphemerisSegment(
        epoch=epochs[0],
        seconds=np.array([one - epochs[0] for one in epochs]),
        position=states[:, :3] * 1e3,
        velocity=states[:, 3:] * 1e3,
        ref_frame=frame,
        frame_name=raw.meta["REF_FRAME"],
        time_system=system,
        useable=Interval(start, stop),
        interpolation=cast("Interpolation | None", method),
        degree=None if degree is None else int(degree),
    )


def _of_line(raw: _Raw, k: int, text: str, system: str, eop: EarthOrientation | None) -> Epoch:
    try:
        return epoch_of(text, system, eop)
    except InputError as error:
        raise InputError(f"{_place(raw, k)}: {error}") from error


def _numbers(raw: _Raw) -> NDArray[np.float64]:
    try:
        return np.array(raw.rows, dtype=np.float64)
    except ValueError:
        for k, row in enumerate(raw.rows):
            for word in row:
                try:
                    float(word)
                except ValueError as error:
                    raise InputError(f"{_place(raw, k)}: {word!r} is not a number") from error
        raise


def _place(raw: _Raw, k: int) -> str:
    return f"{'line' if 'line' in raw.where else 'state'} {raw.lines[k]}"


def _catalogue_number(meta: Mapping[str, str], object_id: str) -> int:
    """From our own comment, or from an OBJECT_ID that is a number instead of the designator it should be."""
    text = meta.get("NORAD_CAT_ID") or object_id
    return int(text) if text.isdecimal() and len(text) <= 9 else 0


def _version(text: str) -> str:
    if not text.startswith(_VERSIONS):
        raise InputError(f"OEM version {text!r} is not one of 1.0, 2.0 and 3.0")
    return text


def _stamp(epoch: Epoch, digits: int = 9) -> str:
    text = epoch.iso(digits).removesuffix("Z")
    return text.rstrip("0").removesuffix(".") if "." in text else text


def _plain(text: str) -> str:
    return " ".join(text.split())


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
