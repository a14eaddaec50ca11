"""What is known of an acquisition: from a STAC Item, a DIMAP file, the image's own tags, or the user."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from comity.core import Epoch, InputError, read_text
from comity.imagery.geometry.model import SensorModel

#: Names that Pléiades and SPOT 6/7 give their products: mission, date, tenths of a second.
_AIRBUS = re.compile(r"DS_(PHR1[AB]|SPOT[67])_(\d{14})(\d)?")
_AIRBUS_NAMES = {"PHR1A": "Pléiades 1A", "PHR1B": "Pléiades 1B", "SPOT6": "SPOT 6", "SPOT7": "SPOT 7"}


#: Fields of an Item's properties that are read.
_STAC_NAMES = frozenset(
    {
        "datetime",
        "start_datetime",
        "end_datetime",
        "platform",
        "instruments",
        "providers",
        "license",
        "view:sun_elevation",
        "view:sun_azimuth",
        "view:off_nadir",
        "view:incidence_angle",
        "view:azimuth",
        "sat:orbit_state",
        "sat:absolute_orbit",
        "comity:order",
        "comity:simulated",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFacts:
    """Facts of one acquisition; None is unknown. Angles in degrees, azimuths from true north.

    ``providers``: (name, role). ``licence``: an SPDX identifier or ``other``. ``simulated``: made, not taken.
    ``order``: what the product belongs to in a catalogue. ``sources``: where each fact came from.
    """

    start: Epoch | None = None
    end: Epoch | None = None
    platform: str | None = None
    instruments: tuple[str, ...] = ()
    sun_elevation_deg: float | None = None
    sun_azimuth_deg: float | None = None
    off_nadir_deg: float | None = None
    incidence_deg: float | None = None
    view_azimuth_deg: float | None = None
    orbit_state: str | None = None
    orbit: int | None = None
    providers: tuple[tuple[str, str], ...] = ()
    licence: str = "other"
    order: str | None = None
    simulated: bool = False
    sources: tuple[str, ...] = ()


def read_metadata(path: Path) -> SceneFacts:
    """Facts from a file: a STAC Item, flat JSON with the names of STAC's fields, or DIMAP's XML.

    Raises :class:`InputError` naming the file and the field.
    """
    text = read_text(path)
    if text.lstrip().startswith("<"):
        return _dimap(path, text)
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InputError(f"{path} is neither JSON nor XML: {error}") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}: expected a JSON object with the names of STAC's fields")
    return _stac(path, document.get("properties", document))


def tagged(paths: Sequence[Path], tags: Sequence[Mapping[str, str]]) -> SceneFacts:
    """Facts from names and GDAL tags of images: time, platform, whether simulated."""
    facts = SceneFacts()
    for path, one in zip(paths, tags, strict=True):
        if one.get("SIMULATED", "NO").upper() in ("YES", "TRUE", "1"):
            facts = replace(facts, simulated=True)
        start = one.get("COMITY_START")
        if start and facts.start is None:
            instrument = one.get("COMITY_INSTRUMENT")
            facts = replace(
                facts,
                start=_epoch(path, start),
                platform=facts.platform or one.get("COMITY_SPACECRAFT"),
                instruments=(instrument,) if instrument else (),
                sources=(*facts.sources, f"tags of {path.name}"),
            )
        if "COMITY_SUN_ELEVATION" in one and facts.sun_elevation_deg is None:
            facts = replace(
                facts,
                sun_elevation_deg=_number(path, one, "COMITY_SUN_ELEVATION"),
                sun_azimuth_deg=_number(path, one, "COMITY_SUN_AZIMUTH"),
            )
        found = _AIRBUS.search(" ".join((path.name, *one.values())))
        if found is not None and facts.start is None:
            mission, stamp, tenth = found.groups()
            iso = (
                f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[8:10]}:{stamp[10:12]}:{stamp[12:14]}."
                f"{tenth or 0}Z"
            )
            facts = replace(
                facts,
                start=_epoch(path, iso),
                platform=facts.platform or _AIRBUS_NAMES[mission],
                providers=facts.providers or (("Airbus Defence and Space", "producer"), ("CNES", "producer")),
                sources=(*facts.sources, f"product name in {path.name}"),
            )
        elif "TIFFTAG_DATETIME" in one and facts.start is None:
            stamp = one["TIFFTAG_DATETIME"]
            if re.fullmatch(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d", stamp):
                iso = stamp[:10].replace(":", "-") + "T" + stamp[11:] + "Z"
                facts = replace(
                    facts, start=_epoch(path, iso), sources=(*facts.sources, f"time tag of {path.name}")
                )
    return facts


def merged(first: SceneFacts, *others: SceneFacts) -> SceneFacts:
    """Facts of the first, filled up from the others in order; simulated if any is."""
    values: dict[str, Any] = {}
    for one in (first, *others):
        for name in one.__dataclass_fields__:
            value = getattr(one, name)
            if name == "sources":
                values[name] = (*values.get(name, ()), *value)
            elif name == "simulated":
                values[name] = values.get(name, False) or value
            elif name == "licence":
                values[name] = value if values.get(name, "other") == "other" else values[name]
            elif values.get(name) in (None, ()):
                values[name] = value
    return SceneFacts(**values)


def completed(facts: SceneFacts, model: SensorModel, height_m: float) -> SceneFacts:
    """The facts with Sun and view filled in from the time and the image's own geometry, where missing."""
    rows, cols = model.shape
    col, row = (cols - 1) / 2, (rows - 1) / 2
    lon, lat = (float(one) for one in model.locate(col, row, height_m))
    if not (math.isfinite(lon) and math.isfinite(lat)):
        return facts
    sources = list(facts.sources)
    if facts.incidence_deg is None or facts.view_azimuth_deg is None:
        incidence, azimuth = line_of_sight(model, col, row, height_m)
        if math.isfinite(incidence):
            facts = replace(
                facts,
                incidence_deg=facts.incidence_deg if facts.incidence_deg is not None else incidence,
                view_azimuth_deg=azimuth if facts.view_azimuth_deg is None else facts.view_azimuth_deg,
            )
            sources.append("view from the image's geometry")
    if facts.start is not None and (facts.sun_elevation_deg is None or facts.sun_azimuth_deg is None):
        elevation, azimuth_of_sun = sun_at(lon, lat, facts.start)
        facts = replace(facts, sun_elevation_deg=elevation, sun_azimuth_deg=azimuth_of_sun)
        sources.append("Sun from the time and place")
    return replace(facts, sources=tuple(sources))


def sun_at(lon_deg: float, lat_deg: float, when: Epoch) -> tuple[float, float]:
    """Elevation and azimuth of the Sun seen from a place, degrees."""
    import numpy as np

    from comity.orbits import EarthOrientation, sun_elevation_azimuth_deg

    up, azimuth = sun_elevation_azimuth_deg(lon_deg, lat_deg, when, np.zeros(1), EarthOrientation.bundled())
    return float(up[0]), float(azimuth[0]) % 360.0


def line_of_sight(model: SensorModel, col: float, row: float, height_m: float) -> tuple[float, float]:
    """Incidence angle at the ground and azimuth from the ground to the sensor, degrees; NaN if unknown."""
    from pyproj import Geod

    low, high = model.heights_m
    step = min(200.0, max((high - low) / 4, 10.0))
    lon0, lat0 = (float(one) for one in model.locate(col, row, height_m))
    lon1, lat1 = (float(one) for one in model.locate(col, row, height_m + step))
    if not all(math.isfinite(one) for one in (lon0, lat0, lon1, lat1)):
        return math.nan, math.nan
    azimuth, _, distance = Geod(ellps="WGS84").inv(lon0, lat0, lon1, lat1)
    return math.degrees(math.atan2(distance, step)), azimuth % 360.0


def _stac(path: Path, fields: Mapping[str, Any]) -> SceneFacts:
    def angle(name: str, low: float, high: float) -> float | None:
        value = fields.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise InputError(f"{path}: {name} is {value!r}, expected degrees in {low:g}…{high:g}")
        return float(value)

    def text(name: str) -> str | None:
        value = fields.get(name)
        if value is not None and not isinstance(value, str):
            raise InputError(f"{path}: {name} is {value!r}, expected a text")
        return value

    if not _STAC_NAMES & fields.keys():
        raise InputError(
            f"{path} tells nothing of an acquisition: it needs STAC's names, such as datetime, platform or "
            "view:sun_elevation"
        )
    start = text("start_datetime") or text("datetime")
    end = text("end_datetime")
    if text("sat:orbit_state") not in (None, "ascending", "descending", "geostationary"):
        raise InputError(f"{path}: sat:orbit_state is {fields['sat:orbit_state']!r}")
    instruments = fields.get("instruments", ())
    if not isinstance(instruments, list | tuple) or not all(isinstance(one, str) for one in instruments):
        raise InputError(f"{path}: instruments is {instruments!r}, expected a list of names")
    try:
        parties = tuple(
            (one["name"], role)
            for one in fields.get("providers", ())
            for role in one.get("roles", ("producer",))
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: providers must be objects with a name and roles") from error
    orbit = fields.get("sat:absolute_orbit")
    return SceneFacts(
        start=_epoch(path, start) if start else None,
        end=_epoch(path, end) if end else None,
        platform=text("platform"),
        instruments=tuple(instruments),
        sun_elevation_deg=angle("view:sun_elevation", -90, 90),
        sun_azimuth_deg=angle("view:sun_azimuth", 0, 360),
        off_nadir_deg=angle("view:off_nadir", 0, 90),
        incidence_deg=angle("view:incidence_angle", 0, 90),
        view_azimuth_deg=angle("view:azimuth", 0, 360),
        orbit_state=text("sat:orbit_state"),
        orbit=orbit if isinstance(orbit, int) else None,
        providers=parties,
        licence=text("license") or "other",
        order=text("comity:order"),
        simulated=fields.get("comity:simulated") is True,
        sources=(path.name,),
    )


def _dimap(path: Path, text: str) -> SceneFacts:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InputError(f"{path}: XML with a document type is not read")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputError(f"{path} is not whole XML: {error}") from error

    def first(name: str) -> str | None:
        found = root.find(f".//{name}")
        return found.text.strip() if found is not None and found.text else None

    def number(name: str) -> float | None:
        value = first(name)
        try:
            return float(value) if value is not None else None
        except ValueError as error:
            raise InputError(f"{path}: {name} is {value!r}, expected a number") from error

    date, time = first("IMAGING_DATE"), first("IMAGING_TIME")
    if date is None:
        raise InputError(f"{path} is no DIMAP product file: it has no IMAGING_DATE")
    mission = " ".join(one for one in (first("MISSION"), first("MISSION_INDEX")) if one)
    instrument = first("INSTRUMENT")
    azimuth = number("AZIMUTH_ANGLE")
    incidence = number("INCIDENCE_ANGLE")
    return SceneFacts(
        start=_epoch(path, f"{date}T{(time or '00:00:00Z').rstrip('Z')}Z"),
        platform=mission or None,
        instruments=(instrument,) if instrument else (),
        sun_elevation_deg=number("SUN_ELEVATION"),
        sun_azimuth_deg=number("SUN_AZIMUTH"),
        incidence_deg=abs(incidence) if incidence is not None else None,
        view_azimuth_deg=azimuth % 360.0 if azimuth is not None else None,
        sources=(path.name,),
    )


def _number(path: Path, tags: Mapping[str, str], name: str) -> float:
    try:
        return float(tags[name])
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: tag {name} is {tags.get(name)!r}, expected degrees") from error


def _epoch(path: Path, text: str) -> Epoch:
    try:
        return Epoch.from_iso(text if text.endswith("Z") or "+" in text[10:] else f"{text}Z")
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
