"""Band maths: an arithmetic expression over bands by name, and the indices that have a name of their own."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError

Floats = NDArray[np.float32]

#: Index → expression over STAC common names, and its source.
INDICES: dict[str, tuple[str, str]] = {
    "ndvi": ("(nir - red) / (nir + red)", "Rouse et al. 1974, NASA SP-351: green leaf"),
    "ndwi": ("(green - nir) / (green + nir)", "McFeeters 1996, doi:10.1080/01431169608948714: open water"),
    "ndmi": ("(nir - swir16) / (nir + swir16)", "Gao 1996, doi:10.1016/S0034-4257(96)00067-3: leaf water"),
    "mndwi": ("(green - swir16) / (green + swir16)", "Xu 2006, doi:10.1080/01431160600589179: open water"),
    "ndsi": ("(green - swir16) / (green + swir16)", "Hall et al. 1995, 10.1016/0034-4257(95)00137-P: snow"),
    "nbr": ("(nir - swir22) / (nir + swir22)", "Key & Benson 2006, RMRS-GTR-164: burnt ground"),
    "savi": ("1.5 * (nir - red) / (nir + red + 0.5)", "Huete 1988, doi:10.1016/0034-4257(88)90106-X"),
    "evi2": ("2.5 * (nir - red) / (nir + 2.4 * red + 1)", "Jiang et al. 2008, doi:10.1016/j.rse.2008.06.006"),
}
_MOST_CHARACTERS = 1_000
_MOST_PARTS = 200
_MOST_DEPTH = 40
_LARGEST = 1e30
_NAME = re.compile(r"[A-Za-z_]\w*")
_OPERATORS: dict[type[ast.AST], Callable[..., Floats]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.Pow: np.power,
    ast.USub: np.negative, ast.UAdd: np.positive,
    ast.Lt: np.less, ast.LtE: np.less_equal, ast.Gt: np.greater, ast.GtE: np.greater_equal,
    ast.Eq: np.equal, ast.NotEq: np.not_equal,
    ast.And: np.logical_and, ast.Or: np.logical_or, ast.Not: np.logical_not,
}  # fmt: skip


def _least(*values: Floats) -> Floats:
    return np.asarray(np.minimum.reduce(np.broadcast_arrays(*values)))


def _most(*values: Floats) -> Floats:
    return np.asarray(np.maximum.reduce(np.broadcast_arrays(*values)))


def _where(condition: Floats, here: Floats, there: Floats) -> Floats:
    return np.asarray(np.where(condition != 0, here, there))


#: Function → least and most arguments, what it does.
_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Floats]]] = {
    "sqrt": (1, 1, np.sqrt), "log": (1, 1, np.log), "log10": (1, 1, np.log10), "exp": (1, 1, np.exp),
    "abs": (1, 1, np.abs), "min": (2, 9, _least),
    "max": (2, 9, _most),
    "clip": (3, 3, np.clip), "where": (3, 3, _where),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A checked expression. ``names``: the bands it reads, in the order they first stand in it."""

    text: str
    names: tuple[str, ...]

    def __call__(self, bands: Mapping[str, Floats]) -> Floats:
        """Its value where every band it reads has one; NaN elsewhere, and where it is not finite.

        ``bands``: arrays of one shape by name, in physical units. Comparisons give 1 and 0.
        """
        tree = ast.parse(self.text, mode="eval").body
        with np.errstate(all="ignore"):
            value = np.asarray(_value(tree, bands), np.float32)
            for name in self.names:
                value = np.where(np.isnan(bands[name]), np.float32(np.nan), value)
            return np.where(np.isfinite(value), value, np.float32(np.nan)).astype(np.float32, copy=False)


def expression_of(text: str) -> Expression:
    """The expression that ``text`` is, or the index it names (:data:`INDICES`).

    Numbers, band names, ``+ - * / **``, comparisons, ``and or not`` and the functions sqrt, log, log10, exp,
    abs, min, max, clip(x, low, high), where(condition, x, y); nothing else is ever run. Raises
    :class:`InputError` saying what stands in the way.
    """
    text = INDICES.get(text.strip().lower(), (text.strip(), ""))[0]
    if not text or len(text) > _MOST_CHARACTERS:
        raise InputError(f"an expression has 1 … {_MOST_CHARACTERS} characters, not {len(text)}")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise InputError(f"expression {text!r} cannot be read: {reason}") from error
    if sum(1 for _ in ast.walk(tree)) > _MOST_PARTS:
        raise InputError(f"expression {text[:60]!r}… has more than {_MOST_PARTS} parts")
    names: list[str] = []
    _check(tree, text, names, 0)
    if not names:
        raise InputError(f"expression {text!r} reads no band: it would be the same everywhere")
    return Expression(text=text, names=tuple(dict.fromkeys(names)))


def _check(node: ast.AST, text: str, names: list[str], depth: int) -> None:
    """Refuse whatever :func:`_value` has no answer for; note the band names."""
    if depth > _MOST_DEPTH:
        raise InputError(f"expression {text[:60]!r}… is nested more than {_MOST_DEPTH} deep")
    parts: Sequence[ast.AST]
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            if not abs(number) <= _LARGEST:
                raise InputError(f"expression {text!r}: a number in it is above {_LARGEST:g}")
            parts = ()
        case ast.Name():
            names.append(node.id)
            parts = ()
        case ast.BinOp() if type(node.op) in _OPERATORS:
            parts = (node.left, node.right)
        case ast.UnaryOp() if type(node.op) in _OPERATORS:
            parts = (node.operand,)
        case ast.BoolOp():
            parts = node.values
        case ast.Compare() if all(type(op) in _OPERATORS for op in node.ops):
            parts = (node.left, *node.comparators)
        case ast.Call(func=ast.Name()) if isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
            least, most, _ = _FUNCTIONS[node.func.id]
            if node.keywords or not least <= len(node.args) <= most:
                raise InputError(f"expression {text!r}: {node.func.id} takes {least} … {most} values")
            parts = node.args
        case _:
            shown = ast.get_source_segment(text, node) if isinstance(node, ast.expr) else None
            raise InputError(
                f"expression {text!r}: {shown or type(node).__name__!r} is not band maths; use band names, "
                f"numbers, + - * / **, comparisons, {', '.join(sorted(_FUNCTIONS))}"
            )
    for part in parts:
        _check(part, text, names, depth + 1)


def _value(node: ast.AST, bands: Mapping[str, Floats]) -> Floats:
    match node:
        case ast.Constant():
            return np.asarray(node.value, np.float32)
        case ast.Name():
            return bands[node.id]
        case ast.BinOp():
            return _OPERATORS[type(node.op)](_value(node.left, bands), _value(node.right, bands))
        case ast.UnaryOp():
            return _OPERATORS[type(node.op)](_value(node.operand, bands))
        case ast.BoolOp():
            value = _value(node.values[0], bands)
            for part in node.values[1:]:
                value = _OPERATORS[type(node.op)](value, _value(part, bands))
            return value
        case ast.Compare():
            left, holds = _value(node.left, bands), np.asarray(True)
            for op, part in zip(node.ops, node.comparators, strict=True):
                right = _value(part, bands)
                holds = np.logical_and(holds, _OPERATORS[type(op)](left, right))
                left = right
            return holds.astype(np.float32)
        case ast.Call(func=ast.Name(id=name)):
            return _FUNCTIONS[name][2](*(_value(part, bands) for part in node.args))
    raise AssertionError(f"{type(node).__name__} passed the check")


def is_name(text: str) -> bool:
    """Whether ``text`` can stand in an expression as a band's name."""
    return _NAME.fullmatch(text) is not None
