"""Places on the command line: ``--area``, ``--country`` and ``--point``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from comity.cli.numbers import named_numbers
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
