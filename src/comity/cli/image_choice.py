"""What to read of an image, as the options of ``comity image`` say it, and how figures are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from comity.cli.common import console
from comity.cli.numbers import named_numbers
from comity.core import InputError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from comity.imagery.reading import Source
    from comity.imagery.reading.pictures import Ramp


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Bands, or an expression and what to call it; for a picture its ramp and the values at its ends."""

    name: str = "bands"
    bands: tuple[str, ...] | None = None
    expression: str | None = None
    ramp: Ramp = "grey"
    ends: tuple[tuple[float, float], ...] | None = None

    @property
    def legend(self) -> str | None:
        """What a picture's scale is called; None for bands."""
        return None if self.expression is None else self.name

    def for_picture(self, source: Source, out: Path) -> Choice:
        """The same, with the bands that a picture shows where nothing was chosen."""
        from comity.imagery.reading import colour_bands

        if out.suffix.lower() != ".png" or self.bands is not None or self.expression is not None:
            return self
        return replace(self, bands=colour_bands(source))


def choice_of(bands: str | None, expression: str | None, index: str | None) -> Choice:
    """What ``--bands``, ``--expression`` and ``--index`` ask for; :class:`InputError` for two of them."""
    from comity.imagery.reading import INDICES, STYLES

    if sum(each is not None for each in (bands, expression, index)) > 1:
        raise InputError("give --bands, --expression or --index")
    if index is not None:
        name = index.strip().lower()
        if name not in INDICES:
            raise InputError(f"--index {index!r} is not one of {', '.join(INDICES)}")
        ramp, low, high = STYLES[name]
        return Choice(name=name, expression=INDICES[name][0], ramp=ramp, ends=((low, high),))
    if expression is not None:
        return Choice(name=expression, expression=expression)
    if bands is None:
        return Choice()
    names = tuple(name.strip() for name in bands.split(","))
    if not all(names):
        raise InputError(f"--bands {bands!r}: give names such as red,green,blue")
    return Choice(bands=names)


def area_of(area: Path | None, bbox: str | None) -> BaseGeometry | None:
    """The ground that ``--area`` or ``--bbox`` names, None for neither."""
    if area is not None and bbox is not None:
        raise InputError("give --area or --bbox")
    if area is not None:
        import shapely

        from comity.fleet import targets_from_file

        return shapely.union_all([target.geometry for target in targets_from_file(area)])
    if bbox is None:
        return None
    from shapely.geometry import box

    west, south, east, north = named_numbers(bbox, "box", "W,S,E,N", (4,))[1]
    if not (-180.0 <= west < east <= 360.0 and -90.0 <= south < north <= 90.0):
        raise InputError(f"--bbox {bbox}: give west < east and south < north in degrees")
    return box(west, south, east, north)


def shown(value: float | None) -> str:
    """A number in a table, a dash for none."""
    return "–" if value is None else f"{value:.5g}"


def figures_of(item: str, rows: Iterable[Sequence[str | float | None]]) -> Table:
    """Name, share with a value, mean, spread and ends."""
    table = Table("band", "valid", "mean", "std", "min", "max", title=item)
    for name, valid, *numbers in rows:
        share = f"{valid:.0%}" if isinstance(valid, float) else ""
        table.add_row(str(name), share, *(shown(v) if not isinstance(v, str) else v for v in numbers))
    return table


def print_files(paths: Iterable[Path]) -> None:
    """One line for each file written."""
    for path in paths:
        console().print(f"written: {path}", style="dim", soft_wrap=True)
