"""Places of a request: points, territories, bands along borders, drawn areas and GeoJSON."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from shapely.geometry.base import BaseGeometry

from comity.core import InputError, read_text
from comity.fleet import territories as lands
from comity.fleet.areas import Area, area_from_geojson, area_from_geometry, features_of
from comity.fleet.products import Target


def point_target(lon: float, lat: float, name: str | None = None, *, id: str | None = None) -> Target:
    """A point, degrees lon (−180 … 360), lat. Out of range raises :class:`InputError` naming the value."""
    label = name or f"{lon:.4f},{lat:.4f}"
    return _target(_area({"type": "Point", "coordinates": [lon, lat]}, label, label), id)


def area_target(shape: BaseGeometry, name: str, *, id: str | None = None) -> Target:
    """A (Multi)Polygon in lon, lat degrees; what is not an area raises :class:`InputError`."""
    if shape.geom_type not in ("Polygon", "MultiPolygon"):
        raise InputError(f"{name}: a {shape.geom_type} is not an area")
    return _target(area_from_geometry(shape, name), id)


def outline_target(ring: Sequence[Sequence[float]], name: str) -> Target:
    """A polygon of one ring of lon, lat degrees, whose first position need not be repeated at the end.

    Raises :class:`InputError` as :func:`~comity.fleet.areas.area_from_geojson` does.
    """
    positions = [list(position) for position in ring]
    if positions[:1] != positions[-1:]:
        positions.append(positions[0])
    return _target(_area({"type": "Polygon", "coordinates": [positions]}, name, name), None)


def territory_target(code_or_name: str, *, id: str | None = None) -> Target:
    """A whole territory. Unknown ones raise :class:`~comity.core.UnknownIdError`."""
    land = lands.territory(code_or_name)
    return Target(
        id=id or _slug(land.name),
        name=land.name,
        geometry=land.geometry,
        territory=land.id,
        territories=(land.id,),
    )


def band_targets(of: str, width_m: float, *, inside: Sequence[str] | None = None) -> tuple[Target, ...]:
    """A band ``width_m`` deep along the border of a territory, one target inside each neighbour.

    ``inside`` names the neighbours wanted; None takes every adjoining territory. One that does not
    adjoin raises :class:`InputError`, as does a territory that adjoins none.
    """
    home = lands.territory(of)
    around = lands.neighbours(home) if inside is None else tuple(lands.territory(n) for n in inside)
    if not around:
        raise InputError(f"{home.name} adjoins no other territory: there is no band to image")
    return tuple(
        Target(
            id=_slug(f"{land.name} within {width_m / 1000:g} km of {home.name}"),
            name=f"{land.name}, within {width_m / 1000:g} km of {home.name}",
            geometry=lands.border_band(land, of=home, width_m=width_m),
            territory=land.id,
            territories=(land.id,),
        )
        for land in around
    )


def targets_from_file(path: Path, name: str | None = None) -> tuple[Target, ...]:
    """Targets of a GeoJSON file, as :func:`targets_from_geojson`; ``name`` is by default the file's own."""
    return targets_from_geojson(read_text(path), name or path.stem, str(path))


def targets_from_geojson(text: str, name: str, origin: str = "GeoJSON") -> tuple[Target, ...]:
    """Targets of a GeoJSON text: a geometry, a Feature or a FeatureCollection (RFC 7946).

    Each Feature is one target, called by its ``name`` or ``title`` property, else ``name`` (numbered
    where there are several). What makes a place is told at :func:`~comity.fleet.areas.area_from_geojson`.
    Raises :class:`InputError` naming ``origin``, the Feature where there are several, and what is wrong.
    """
    try:
        features = features_of(_parsed(text))
    except InputError as error:
        raise InputError(f"{origin}: {error}") from error
    found = []
    for number, feature in enumerate(features, 1):
        alone = len(features) == 1
        label = _label(feature) or (name if alone else f"{name}-{number}")
        where = origin if alone else f"{origin}, feature {number}"
        found.append(_target(_area(feature, label, where), None))
    return unique_ids(found)


def _parsed(text: str) -> Any:
    if not text.strip():
        raise InputError("it is empty: a GeoJSON geometry, Feature or FeatureCollection was expected")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error
    except (RecursionError, ValueError) as error:  # nested without end, or a number of 5 000 digits
        raise InputError(f"not usable JSON: {error}") from error


def _label(feature: Mapping[str, Any]) -> str | None:
    """What a Feature calls itself."""
    properties = feature.get("properties")
    if not isinstance(properties, Mapping):
        return None
    given = properties.get("name") or properties.get("title")
    return str(given) if given else None


def unique_ids(targets: Iterable[Target], prefix: str = "") -> tuple[Target, ...]:
    """The same targets with ids that differ: repeated ones get ``-2``, ``-3`` …"""
    seen: set[str] = set()
    result = []
    for target in targets:
        base = f"{prefix}{target.id}"
        id, number = base, 2
        while id in seen:
            id, number = f"{base}-{number}", number + 1
        seen.add(id)
        result.append(replace(target, id=id))
    return tuple(result)


def _area(content: Mapping[str, Any], name: str, where: str) -> Area:
    """The area of a geometry or Feature; what is wrong with it is said with ``where`` it stood."""
    try:
        return area_from_geojson(content, name)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _target(area: Area, id: str | None) -> Target:
    touched = tuple(land for land, _ in lands.territories_at(area.geometry))
    return Target(
        id=id or _slug(area.name),
        name=area.name,
        geometry=area.geometry,
        territory=touched[0] if touched else None,
        territories=touched,
    )


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9.]+", "-", plain).strip("-.") or "target"
