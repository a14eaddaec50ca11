"""What an image says of its own acquisition, handed on to whatever is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from comity.core import InputError

__all__ = ["inherited", "keep_apart"]

#: GDAL tags that hold for every later level of the same light.
_KEPT = (
    "QUANTITY",
    "COMITY_QUANTITY",
    "COMITY_INSTRUMENT",
    "COMITY_SPACECRAFT",
    "COMITY_START",
    "COMITY_SUN_AZIMUTH",
    "COMITY_SUN_ELEVATION",
    "TIFFTAG_COPYRIGHT",
    "TIFFTAG_DATETIME",
)


def inherited(*sources: Mapping[str, str]) -> dict[str, str]:
    """Tags of the images something is made from that hold for it too.

    A fact is kept where no two images say otherwise. ``SIMULATED`` is ``YES`` as soon as one of them is.
    """
    tags = {}
    for key in _KEPT:
        said = {one[key] for one in sources if key in one}
        if len(said) == 1:
            tags[key] = said.pop()
    marks = [one["SIMULATED"].upper() for one in sources if "SIMULATED" in one]
    if any(mark in ("YES", "TRUE", "1") for mark in marks):
        tags["SIMULATED"] = "YES"
    elif marks:
        tags["SIMULATED"] = "NO"
    return tags


def keep_apart(out: Path, *inputs: Path | None) -> None:
    """Raise :class:`InputError` where a file to write is one of those to read: an acquisition has no copy."""
    for one in inputs:
        if one is not None and out.exists() and one.exists() and out.samefile(one):
            raise InputError(f"{out} is to be read and written at once: give another file to write")
