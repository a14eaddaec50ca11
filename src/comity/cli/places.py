"""Places on the command line: ``--area``, ``--country`` and ``--point``, and numbers with a name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from comity.core import InputError
from comity.fleet import Target, point_target, targets_from_file, territory, territory_target, unique_ids


def targets_of(areas: Sequence[Path], countries: Sequence[str], points: Sequence[str]) -> tuple[Target, ...]:
    """Targets of GeoJSON files, territories and points ``[NAME=]LON,LAT``, in that order.

    A territory is called by its code (``DJI``) however it was spelt, an unnamed point ``point-1``,
    ``point-2`` … by its place. Raises :class:`InputError` when there is none, or one is no place.
    """
    targets = [target for path in areas for target in targets_from_file(path)]
    targets += [territory_target(code, id=territory(code).id) for code in countries]
    for number, text in enumerate(points, start=1):
        name, (lon, lat) = named_numbers(text, "point", "[NAME=]LON,LAT", (2,))
        targets.append(point_target(lon, lat, name, id=None if name else f"point-{number}"))
    if not targets:
        raise InputError("no place given: add --area FILE.geojson, --country CODE or --point LON,LAT")
    return unique_ids(targets)


def named_numbers(text: str, what: str, form: str, counts: Sequence[int]) -> tuple[str | None, list[float]]:
    """The name (None where there is none) and the numbers of ``[NAME=]NUMBER,NUMBER…``.

    Raises :class:`InputError` saying ``what`` is not of that ``form``; ``counts``: how many numbers may be.
    """
    name, equals, place = text.rpartition("=")
    if equals and not name.strip():
        raise InputError(f"{what} {text!r} has an empty name: use {form}")
    parts = place.split(",")
    if len(parts) not in counts or not all(re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)\s*", p) for p in parts):
        raise InputError(f"{what} {text!r} is not {form}, in decimal degrees and metres")
    return name.strip() or None, [float(part) for part in parts]
