"""Places of a request: points, territories, bands along borders, drawn areas and GeoJSON.

Everything that lets a user say where goes through here, so that a latitude of 91, an outline that
crosses itself or a country nobody knows is refused in the same words everywhere.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import MultiPolygon, Point
from shapely.geometry.base import BaseGeometry

from comity.core import InputError
from comity.fleet import geometry as geo
from comity.fleet import territories as lands
from comity.fleet.products import Target


def point_target(lon: float, lat: float, name: str | None = None, *, id: str | None = None) -> Target:
    """A point, degrees lon, lat. Out of range raises :class:`InputError` naming the value."""
    geo.check_position(lon, lat, name or "point")
    label = name or f"{lon:.4f},{lat:.4f}"
    return _target(Point(lon, lat), label, id)


def area_target(shape: BaseGeometry, name: str, *, id: str | None = None) -> Target:
    """A (Multi)Polygon in lon, lat degrees, already valid and cut at the antimeridian."""
    if shape.geom_type not in ("Polygon", "MultiPolygon"):
        raise InputError(f"{name}: a {shape.geom_type} is not an area")
    if shape.is_empty or not shape.is_valid:
        raise InputError(f"{name}: the area is empty or not valid ({shapely.is_valid_reason(shape)})")
    return _target(shape, name, id)


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
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as GeoJSON ({error})") from error
    return targets_from_geojson(text, name or path.stem, str(path))


def targets_from_geojson(text: str, name: str, origin: str = "GeoJSON") -> tuple[Target, ...]:
    """Targets of a GeoJSON text: a geometry, a Feature or a FeatureCollection (RFC 7946).

    Each Feature is one target, called by its ``name`` or ``title`` property, else ``name`` (numbered
    where there are several). Points and (Multi)Polygons only. Raises :class:`InputError` naming
    ``origin`` and what is wrong: not JSON, a self-crossing outline, a latitude out of range, no feature.
    """
    if not text.strip():
        raise InputError(f"{origin} is empty: a GeoJSON geometry, Feature or FeatureCollection was expected")
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{origin}, line {error.lineno}: not JSON ({error.msg})") from error
    if not isinstance(data, dict):
        raise InputError(f"{origin}: a GeoJSON object was expected, not a {type(data).__name__}")
    features = data.get("features") if data.get("type") == "FeatureCollection" else [data]
    if not isinstance(features, list) or not features:
        raise InputError(f"{origin}: the FeatureCollection holds no feature")
    found = []
    for number, feature in enumerate(features, 1):
        label = name if len(features) == 1 else f"{name}-{number}"
        item = feature if isinstance(feature, dict) else {}
        shape_data: Any = item
        if item.get("type") == "Feature":
            properties = item.get("properties") or {}
            given = properties.get("name") or properties.get("title")
            label = str(given) if given else label
            shape_data = item.get("geometry")
        shape = shape_from_geojson(shape_data, f"{origin}: {label}")
        found.append(_target(shape, label, None))
    return unique_ids(found)


def shape_from_geojson(data: Any, what: str) -> BaseGeometry:
    """A Point or MultiPolygon, valid and cut at the antimeridian, from a GeoJSON geometry object."""
    kind = data.get("type") if isinstance(data, dict) else None
    coordinates = data.get("coordinates") if isinstance(data, dict) else None
    try:
        if kind == "Point":
            lon, lat = (float(x) for x in coordinates[:2])  # type: ignore[index]
            return Point(*geo.check_position(lon, lat, what))
        if kind == "Polygon":
            return geo.polygon(coordinates, what)  # type: ignore[arg-type]
        if kind == "MultiPolygon":
            parts = [geo.polygon(rings, what) for rings in coordinates]  # type: ignore[union-attr]
            merged = shapely.union_all(parts)
            return MultiPolygon([p for p in shapely.get_parts(merged) if p.geom_type == "Polygon"])
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: the coordinates of the {kind} are malformed") from error
    raise InputError(f"{what}: a Point, Polygon or MultiPolygon was expected, not {kind!r}")


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


def _target(shape: BaseGeometry, name: str, id: str | None) -> Target:
    touched = tuple(land for land, _ in lands.territories_at(shape))
    return Target(
        id=id or _slug(name),
        name=name,
        geometry=shape,
        territory=touched[0] if touched else None,
        territories=touched,
    )


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9.]+", "-", plain).strip("-.") or "target"
