"""Comparisons with published figures and other programs: what ``comity validate`` reruns.

A package that has such figures keeps them in its ``data`` folder and offers ``checks()`` in a module
``published``. Tests call the same functions.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One figure set against its source.

    ``figure``: what is compared. ``source``: who says so. ``difference``: the largest found over ``count``
    values, in ``unit``. ``tolerance``: the most allowed, and ``why`` this much.
    """

    figure: str
    source: str
    count: int
    difference: float
    tolerance: float
    unit: str
    why: str

    @property
    def passed(self) -> bool:
        """Whether values were compared and all are within the tolerance (NaN never is)."""
        return self.count > 0 and bool(self.difference <= self.tolerance)


def compared(
    figure: str,
    source: str,
    differences: NDArray[np.generic],
    tolerance: float,
    unit: str,
    why: str,
    *,
    count: int | None = None,
) -> Comparison:
    """The comparison of these ``differences`` (any shape); ``count``: how many values they stand for."""
    return Comparison(
        figure=figure,
        source=source,
        count=differences.size if count is None else count,
        difference=float(np.max(np.abs(differences))) if differences.size else math.nan,
        tolerance=float(tolerance),
        unit=unit,
        why=why,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A few comparisons that are computed together, under a short ``name``."""

    name: str
    run: Callable[[], Sequence[Comparison]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferenceTable:
    """A table that another program made, or a paper prints.

    ``about``: who made it and how (program, versions, frames, Earth orientation). ``columns``: name →
    texts (n,).
    """

    about: dict[str, object]
    columns: dict[str, NDArray[np.str_]]

    def text(self, name: str) -> NDArray[np.str_]:
        """A column as it stands in the file (n,)."""
        return self.columns[name]

    def numbers(self, *names: str) -> NDArray[np.float64]:
        """One column as numbers (n,), or several side by side (n, k); an empty field is NaN."""
        table = [np.array([float(x) if x else np.nan for x in self.columns[name]]) for name in names]
        return table[0] if len(table) == 1 else np.stack(table, axis=-1)


def data_text(package: str, name: str) -> str:
    """A text of the ``data`` folder of ``package`` (``"comity.orbits"``), unpacked if it ends in ``.gz``."""
    raw = (files(package) / "data" / name).read_bytes()
    return (gzip.decompress(raw) if name.endswith(".gz") else raw).decode()


def reference_table(package: str, name: str) -> ReferenceTable:
    """A CSV table of the ``data`` folder of ``package``; its first line is ``# `` and a JSON object."""
    head, _, body = data_text(package, name).partition("\n")
    rows = list(csv.reader(io.StringIO(body)))
    columns = {title: np.array([row[k] for row in rows[1:]]) for k, title in enumerate(rows[0])}
    return ReferenceTable(about=json.loads(head.removeprefix("# ")), columns=columns)
