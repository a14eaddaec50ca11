"""What the archive's items can be asked about: a closed list of properties, each with its kind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from comity.core import InputError

Kind = Literal["text", "number", "time", "flag", "geometry"]
#: A property's value as it is indexed: times as µs of UTC since 1970.
Value = str | float | int | bool | None

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: RFC 3339; ``T`` and ``Z`` in either case.
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Queryable:
    """A property to filter by. ``column``: where the index keeps it; ``schema``: where it is defined."""

    name: str
    column: str
    kind: Kind
    title: str
    schema: str | None = None


_ITEM = "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema"
_EO = "https://stac-extensions.github.io/eo/v1.1.0/schema.json#/definitions/fields/properties"
_VIEW = "https://stac-extensions.github.io/view/v1.0.0/schema.json#/definitions/fields/properties"

#: By name, in the order in which they are shown.
QUERYABLES: dict[str, Queryable] = {
    one.name: one
    for one in (
        Queryable("id", "id", "text", "Item", f"{_ITEM}/item.json#/definitions/core/allOf/2/properties/id"),
        Queryable("collection", "collection", "text", "Collection: the product ordered"),
        Queryable("geometry", "geometry", "geometry", "Ground the image shows"),
        Queryable("datetime", "at_us", "time", "Middle of the acquisition"),
        Queryable("start_datetime", "start_us", "time", "Begin of the acquisition"),
        Queryable("end_datetime", "end_us", "time", "End of the acquisition"),
        Queryable("platform", "platform", "text", "Spacecraft"),
        Queryable("mission", "mission", "text", "Mission"),
        Queryable("gsd", "gsd", "number", "Size of a pixel, m"),
        Queryable("eo:cloud_cover", "cloud", "number", "Cloud cover, %", f"{_EO}/eo:cloud_cover"),
        Queryable("view:off_nadir", "off_nadir", "number", "Off-nadir angle, °", f"{_VIEW}/view:off_nadir"),
        Queryable("view:incidence_angle", "incidence", "number", "Incidence angle, °"),
        Queryable("view:sun_azimuth", "sun_azimuth", "number", "Sun's azimuth, °"),
        Queryable("view:sun_elevation", "sun_elevation", "number", "Sun's height, °"),
        Queryable("sat:orbit_state", "orbit_state", "text", "Ascending or descending"),
        Queryable("processing:level", "level", "text", "Processing level"),
        Queryable("comity:order", "order", "text", "Order it was made for"),
        Queryable("comity:target", "target", "text", "Target's name"),
        Queryable("comity:station", "station", "text", "Receiving station"),
        Queryable("comity:norad_id", "norad_id", "number", "Catalogue number of the spacecraft"),
        Queryable("comity:native_gsd_m", "native_gsd", "number", "Ground sampling distance of the camera, m"),
        Queryable("comity:usable", "usable", "number", "Part that is neither cloud nor shadow, %"),
        Queryable("comity:simulated", "simulated", "flag", "Made, not taken by a spacecraft"),
    )
}  # fmt: skip


def queryable(name: str) -> Queryable:
    """The property of this name (``properties.`` before it is let go); :class:`InputError` names them all."""
    found = QUERYABLES.get(name.removeprefix("properties."))
    if found is None:
        shown = name if len(name) <= 80 else name[:77] + "…"
        raise InputError(f"{shown!r} is no property of the archive; there are {', '.join(QUERYABLES)}")
    return found


def utc_us(text: str, *, field: str = "datetime") -> int:
    """RFC 3339 text as µs of UTC since 1970 (years 1 … 9999; finer digits are cut; a second 60 reads as 0).

    Raises :class:`InputError` naming ``field``.
    """
    found = _RFC3339.fullmatch(text)
    if found is None:
        shown = text if len(text) <= 60 else text[:57] + "…"
        raise InputError(f"{field} {shown!r} is no RFC 3339 time such as 2024-09-22T06:00:00Z")
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    leap = second == 60 and minute == 59
    try:
        moment = datetime(year, month, day, hour, minute, 59 if leap else second)
        if found[8]:
            away = timedelta(hours=int(found[9]), minutes=int(found[10]))
            if away >= timedelta(hours=24) or int(found[10]) > 59:
                raise ValueError(f"offset {found[8]}{found[9]}:{found[10]}")
            moment -= away if found[8] == "+" else -away
    except (ValueError, OverflowError) as error:
        raise InputError(f"{field} {text!r} is no date: {error}") from error
    fraction = int((found[7] or "")[:6].ljust(6, "0"))
    return (moment.replace(tzinfo=UTC) - _UNIX_EPOCH) // timedelta(microseconds=1) + fraction + leap * 10**6


def day_us(text: str, *, field: str = "date") -> int:
    """The first instant of a day, written ``2024-09-22``."""
    if _DAY.fullmatch(text) is None:
        raise InputError(f"{field} {text[:60]!r} is no day such as 2024-09-22")
    return utc_us(f"{text}T00:00:00Z", field=field)
