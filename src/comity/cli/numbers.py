"""Numbers with a name on the command line: ``NAME=LON,LAT``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from comity.core import InputError


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
