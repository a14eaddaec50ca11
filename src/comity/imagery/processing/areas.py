"""The area a user names in a file."""

from __future__ import annotations

import json
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from comity.core import InputError, read_text
from comity.fleet import area_from_geojson
from comity.fleet.areas import features_of


def read_area(path: Path) -> BaseGeometry:
    """The polygons of a GeoJSON file as one, lon, lat degrees. Raises :class:`InputError` naming the file."""
    text = read_text(path)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    try:
        parts = [area_from_geojson(one, path.stem) for one in features_of(content)]
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if not parts:
        raise InputError(f"{path} holds no feature: an area is a polygon")
    if any(part.is_point for part in parts):
        raise InputError(f"{path} holds a point: an area is a polygon")
    return shapely.union_all([part.geometry for part in parts])
