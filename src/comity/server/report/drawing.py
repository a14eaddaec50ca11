"""What maps are made of: shapes and marks in layers, as plain data for the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Symbol = Literal["dot", "ring", "triangle", "text"]
Anchor = Literal["start", "middle", "end"]
#: Places of a label beside its symbol, best first.
_PLACES: tuple[tuple[float, float, Anchor], ...] = (
    (8.0, 4.0, "start"), (-8.0, 4.0, "end"), (0.0, -9.0, "middle"), (0.0, 16.0, "middle"),
    (7.0, -6.0, "start"), (-7.0, -6.0, "end"), (7.0, 13.0, "start"), (-7.0, 13.0, "end"),
)  # fmt: skip
#: Size of a character and height of a line (px) of the maps' labels, near enough to keep them apart.
_CHARACTER_PX, _LINE_PX, _SYMBOL_PX = 6.0, 12.0, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A line or an area: SVG path data, style classes, and what hovering says."""

    path: str
    css: str
    tip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A symbol of constant size at ``x``, ``y``, perhaps with a ``label`` beside it.

    ``dx``, ``dy``: where (px from the symbol) the label starts, ends or has its middle, as ``anchor`` says.
    """

    x: float
    y: float
    symbol: Symbol
    css: str
    tip: str = ""
    label: str = ""
    dx: float = 8.0
    dy: float = 4.0
    anchor: Anchor = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Things that are switched on and off together; ``title`` is empty for the ground under them."""

    id: str
    title: str
    shapes: tuple[Shape, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.shapes or self.marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapView:
    """One map: ``width`` × ``height`` drawing units, layers from the ground up, ``summary`` for readers
    who do not see it."""

    id: str
    title: str
    summary: str
    width: int
    height: int
    layers: tuple[Layer, ...]

    @property
    def switches(self) -> tuple[Layer, ...]:
        """The layers a reader can hide."""
        return tuple(layer for layer in self.layers if layer.title and not layer.empty)


def spread_labels(layers: Sequence[Layer], width: int, shown_px: float) -> tuple[Layer, ...]:
    """The layers with labels moved round their symbols so that none covers another or a symbol.

    ``shown_px``: how wide the drawing of ``width`` units is on the screen that this is right for. Where
    there is no free place the first is taken.
    """
    px = shown_px / width
    taken = [
        (m.x * px - _SYMBOL_PX, m.y * px - _SYMBOL_PX, m.x * px + _SYMBOL_PX, m.y * px + _SYMBOL_PX)
        for layer in layers
        for m in layer.marks
        if m.symbol in ("ring", "triangle")
    ]
    taken += [
        _box(m, px, (0.0, 4.0, "middle")) for layer in layers for m in layer.marks if m.symbol == "text"
    ]
    moved = []
    for layer in layers:
        marks = []
        for mark in layer.marks:
            if mark.label and mark.symbol != "text":
                free = (p for p in _PLACES if not any(_overlap(_box(mark, px, p), box) for box in taken))
                dx, dy, anchor = place = next(free, _PLACES[0])
                taken.append(_box(mark, px, place))
                mark = replace(mark, dx=dx, dy=dy, anchor=anchor)
            marks.append(mark)
        moved.append(replace(layer, marks=tuple(marks)))
    return tuple(moved)


_Box = tuple[float, float, float, float]


def _box(mark: Mark, px: float, place: tuple[float, float, Anchor]) -> _Box:
    """Left, top, right, bottom (px) of a mark's label at a place."""
    dx, dy, anchor = place
    wide = _CHARACTER_PX * len(mark.label)
    left = mark.x * px + dx - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
    base = mark.y * px + dy
    return left, base - _LINE_PX + 2, left + wide, base + 2


def _overlap(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
