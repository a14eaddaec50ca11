"""What maps are made of: shapes and marks in layers, as plain data for the template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Symbol = Literal["dot", "ring", "triangle", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A line or an area: SVG path data, style classes, and what hovering says."""

    path: str
    css: str
    tip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A symbol of constant size at ``x``, ``y``, perhaps with a ``label`` beside it."""

    x: float
    y: float
    symbol: Symbol
    css: str
    tip: str = ""
    label: str = ""


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
