"""Orbit Mean-elements Messages (CCSDS 502.0-B) as XML, KVN, JSON and CelesTrak's CSV, read and written.

Keywords are those of CCSDS 502.0-B-3 table 4-1 … 4-3. JSON and CSV carry the same keywords as CelesTrak and
Space-Track publish them. Only SGP4 elements about the Earth, in TEME and UTC, are mean elements here.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from comity.core import Epoch, InputError
from comity.orbits.elements import MeanElements

#: Keywords in the order messages carry them: metadata, mean elements, TLE parameters.
_METADATA = ("OBJECT_NAME", "OBJECT_ID", "CENTER_NAME", "REF_FRAME", "TIME_SYSTEM", "MEAN_ELEMENT_THEORY")
_MEAN = (
    "EPOCH",
    "MEAN_MOTION",
    "ECCENTRICITY",
    "INCLINATION",
    "RA_OF_ASC_NODE",
    "ARG_OF_PERICENTER",
    "MEAN_ANOMALY",
)
_TLE = (
    "EPHEMERIS_TYPE",
    "CLASSIFICATION_TYPE",
    "NORAD_CAT_ID",
    "ELEMENT_SET_NO",
    "REV_AT_EPOCH",
    "BSTAR",
    "MEAN_MOTION_DOT",
    "MEAN_MOTION_DDOT",
)
_FIXED = {
    "CENTER_NAME": ("EARTH",),
    "REF_FRAME": ("TEME",),
    "TIME_SYSTEM": ("UTC",),
    "MEAN_ELEMENT_THEORY": ("SGP4", "SGP/SGP4", "SDP4"),
}
_DAY_OF_YEAR = re.compile(r"(\d{4})-(\d{3})(T.*)?")
_UNIT = re.compile(r"\s*\[[^\]]*\]\s*$")

#: One message: where it stands in its text, and its keywords (or what is wrong with it).
Message = tuple[str, "Mapping[str, object] | str"]


def elements_from_omm(fields: Mapping[str, object], source: str = "") -> MeanElements:
    """Mean elements from one message's keywords; values may be text or numbers.

    ``MEAN_MOTION_DOT`` and ``_DDOT``, which SGP4 does not use, may be missing; the rest of the elements may
    not. Raises :class:`InputError` naming the keyword and value.
    """
    for keyword, allowed in _FIXED.items():
        given = _text(fields, keyword).upper()
        if given and given not in allowed:
            raise InputError(f"{keyword} is {given}: only {allowed[0]} is supported")
    ephemeris_type = _integer(fields, "EPHEMERIS_TYPE")
    if ephemeris_type == 4:
        raise InputError("EPHEMERIS_TYPE 4 is SGP4-XP, whose theory is not published")
    if not _text(fields, "NORAD_CAT_ID"):
        raise InputError("NORAD_CAT_ID is missing")
    norad_id = _integer(fields, "NORAD_CAT_ID")
    return MeanElements(
        name=_text(fields, "OBJECT_NAME") or f"NORAD {norad_id}",
        norad_id=norad_id,
        cospar_id=_text(fields, "OBJECT_ID"),
        epoch=_epoch(_text(fields, "EPOCH", required=True)),
        mean_motion=_number(fields, "MEAN_MOTION"),
        eccentricity=_number(fields, "ECCENTRICITY"),
        inclination_deg=_number(fields, "INCLINATION"),
        raan_deg=_number(fields, "RA_OF_ASC_NODE"),
        arg_of_perigee_deg=_number(fields, "ARG_OF_PERICENTER"),
        mean_anomaly_deg=_number(fields, "MEAN_ANOMALY"),
        bstar=_number(fields, "BSTAR"),
        mean_motion_dot=_number(fields, "MEAN_MOTION_DOT", required=False),
        mean_motion_ddot=_number(fields, "MEAN_MOTION_DDOT", required=False),
        classification=_text(fields, "CLASSIFICATION_TYPE")[:1] or "U",
        ephemeris_type=ephemeris_type,
        element_set_no=_integer(fields, "ELEMENT_SET_NO"),
        rev_at_epoch=_integer(fields, "REV_AT_EPOCH"),
        source=source,
    )


def omm_fields(elements: MeanElements) -> dict[str, str | int | float]:
    """CCSDS keywords and values of these elements, numbers as numbers."""
    fraction = elements.epoch.utc_unix_ns % 1_000
    return {
        "OBJECT_NAME": elements.name,
        "OBJECT_ID": elements.cospar_id,
        "CENTER_NAME": "EARTH",
        "REF_FRAME": "TEME",
        "TIME_SYSTEM": "UTC",
        "MEAN_ELEMENT_THEORY": "SGP4",
        "EPOCH": elements.epoch.iso(9 if fraction else 6).removesuffix("Z"),
        "MEAN_MOTION": elements.mean_motion,
        "ECCENTRICITY": elements.eccentricity,
        "INCLINATION": elements.inclination_deg,
        "RA_OF_ASC_NODE": elements.raan_deg,
        "ARG_OF_PERICENTER": elements.arg_of_perigee_deg,
        "MEAN_ANOMALY": elements.mean_anomaly_deg,
        "EPHEMERIS_TYPE": elements.ephemeris_type,
        "CLASSIFICATION_TYPE": elements.classification,
        "NORAD_CAT_ID": elements.norad_id,
        "ELEMENT_SET_NO": elements.element_set_no,
        "REV_AT_EPOCH": elements.rev_at_epoch,
        "BSTAR": elements.bstar,
        "MEAN_MOTION_DOT": elements.mean_motion_dot,
        "MEAN_MOTION_DDOT": elements.mean_motion_ddot,
    }


def elements_to_omm_json(elements: Iterable[MeanElements]) -> str:
    """A JSON list of messages."""
    return json.dumps([omm_fields(one) for one in elements], indent=1, ensure_ascii=False) + "\n"


def elements_to_omm_csv(elements: Iterable[MeanElements]) -> str:
    """CelesTrak's CSV: a header of keywords and a line per object."""
    columns = (*_METADATA[:2], *_MEAN, *_TLE)
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(omm_fields(one) for one in elements)
    return out.getvalue()


def elements_to_omm_kvn(elements: Iterable[MeanElements]) -> str:
    """Messages in keyword-value notation, one after another."""
    messages = []
    for one in elements:
        lines = [
            "CCSDS_OMM_VERS = 3.0",
            f"CREATION_DATE = {one.epoch.iso(0).removesuffix('Z')}",
            "ORIGINATOR = COMITY",
        ]
        lines += [f"{keyword} = {value}" for keyword, value in omm_fields(one).items()]
        messages.append("\n".join(lines) + "\n")
    return "\n".join(messages)


def elements_to_omm_xml(elements: Iterable[MeanElements]) -> str:
    """An ``ndm`` of ``omm`` messages in XML."""
    root = Element("ndm")
    for one in elements:
        fields = omm_fields(one)
        message = SubElement(root, "omm", {"id": "CCSDS_OMM_VERS", "version": "3.0"})
        header = SubElement(message, "header")
        SubElement(header, "CREATION_DATE").text = one.epoch.iso(0).removesuffix("Z")
        SubElement(header, "ORIGINATOR").text = "COMITY"
        segment = SubElement(SubElement(message, "body"), "segment")
        metadata, data = SubElement(segment, "metadata"), SubElement(segment, "data")
        parts = (
            (metadata, _METADATA),
            (SubElement(data, "meanElements"), _MEAN),
            (SubElement(data, "tleParameters"), _TLE),
        )
        for parent, keywords in parts:
            for keyword in keywords:
                SubElement(parent, keyword).text = str(fields[keyword])
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def read_json(text: str) -> Iterator[Message]:
    """Messages of a JSON list, or of one object."""
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not valid JSON: {error}") from error
    for number, item in enumerate(loaded if isinstance(loaded, list) else [loaded], start=1):
        yield f"object {number}", item if isinstance(item, dict) else "is not an object of OMM keywords"


def read_csv(text: str) -> Iterator[Message]:
    """Messages of a CSV with a header line of keywords."""
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        for row in reader:
            where = f"line {reader.line_num}"
            short = None in row.values()
            if short or None in row:
                yield where, f"has {'fewer' if short else 'more'} fields than the header"
            else:
                yield where, row
    except csv.Error as error:
        raise InputError(f"not valid CSV at line {reader.line_num}: {error}") from error


def read_kvn(text: str) -> Iterator[Message]:
    """Messages in keyword-value notation; each starts at ``CCSDS_OMM_VERS``."""
    fields: dict[str, object] = {}
    fault, where = "", ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("COMMENT"):
            continue
        keyword, equals, value = line.partition("=")
        keyword = keyword.strip()
        if keyword == "CCSDS_OMM_VERS":
            if where:
                yield where, fault or fields
            fields, fault, where = {}, "", f"line {number}"
        elif not equals:
            fault = fault or f"line {number} is not KEYWORD = VALUE: {line[:40]!r}"
        elif keyword in fields:
            fault = fault or f"line {number} gives {keyword} a second time"
        else:
            fields[keyword] = _UNIT.sub("", value).strip()
    if where:
        yield where, fault or fields


def read_xml(text: str) -> Iterator[Message]:
    """Messages of an XML document whose root is ``ndm`` or ``omm``; entities are refused."""
    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise InputError(f"not XML that can be read: {error}") from error
    messages = [e for e in root.iter() if _local(e.tag) == "omm"]
    if not messages:
        raise InputError(f"XML with root <{_local(root.tag)}> holds no <omm> message")
    for number, message in enumerate(messages, start=1):
        leaves = (e for e in message.iter() if not len(e))
        yield f"message {number}", {_local(e.tag): (e.text or "").strip() for e in leaves}


def _epoch(text: str) -> Epoch:
    """An instant of either CCSDS form: ``2007-03-05T10:34:41`` or, by day of year, ``2007-064T10:34:41``."""
    match = _DAY_OF_YEAR.fullmatch(text)
    if match is None:
        return Epoch.from_iso(text)
    if not 1 <= int(match[2]) <= 366:
        raise InputError(f"EPOCH is {text!r}: day of year {match[2]} is outside 1 … 366")
    return Epoch.from_iso(f"{match[1]}-01-01{match[3] or ''}") + 86_400 * (int(match[2]) - 1)


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _text(fields: Mapping[str, object], keyword: str, required: bool = False) -> str:
    value = fields.get(keyword)
    if isinstance(value, (dict, list, bool)):
        raise InputError(f"{keyword} is {value!r}, not a single value")
    text = "" if value is None else str(value).strip()
    if required and not text:
        raise InputError(f"{keyword} is missing")
    return text


def _number(fields: Mapping[str, object], keyword: str, required: bool = True) -> float:
    text = _text(fields, keyword, required=required)
    try:
        return float(text or 0.0)
    except ValueError as error:
        raise InputError(f"{keyword} is {text!r}, not a number") from error


def _integer(fields: Mapping[str, object], keyword: str) -> int:
    text = _text(fields, keyword) or "0"
    if not text.isdecimal():
        raise InputError(f"{keyword} is {text!r}, not a whole number")
    return int(text)
