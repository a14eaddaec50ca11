"""Reading and writing problem files: item by item, so that memory never holds the text too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from io import TextIOBase, TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

from comity.core import Epoch, InputError, Progress, silent
from comity.core.files import whole_path
from comity.planning.problem.fields import Misfit, read
from comity.planning.problem.schema import FORMAT, VERSION
from comity.planning.problem.types import PlanningProblem

#: The most that is read: a file's size, the text of one item, and items of one list.
MOST_BYTES = 1_000_000_000
MOST_ITEM_CHARACTERS = 64_000_000
MOST_ITEMS = {"requests": 500_000, "opportunities": 2_000_000}
_MOST_OTHERS = 5_000_000

_CHUNK = 1 << 20
_SPACE = " \t\n\r"
_HINTS = get_type_hints(PlanningProblem)
#: Lists that are read item by item, and of what.
_LISTS: dict[str, type] = {
    name: get_args(hint)[0]
    for name, hint in _HINTS.items()
    if get_origin(hint) is tuple and is_dataclass(get_args(hint)[0])
}


def read_problem(path: Path, *, progress: Progress = silent) -> PlanningProblem:
    """The problem in a JSON file, checked by :func:`comity.planning.problem.validate_problem`.

    Raises :class:`InputError` naming the file and the field: not JSON, not this format or version, an unknown
    or missing key, a number out of range, a file or list larger than is read, a contradiction.
    """
    from comity.planning.problem.validation import validate_problem

    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            _refuse(f"{size / 1e6:,.0f} MB, the most that is read is {MOST_BYTES / 1e6:,.0f} MB: split it")
        with path.open("rb") as raw, TextIOWrapper(raw, encoding="utf-8-sig", newline=None) as file:
            problem = _read(file, lambda: progress(raw.tell(), size, f"reading {path.name}"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: {error.reason}") from error
    except Misfit as misfit:
        raise InputError(f"{path}: {misfit}") from None
    try:
        validate_problem(problem)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return problem


def parse_problem(text: str) -> PlanningProblem:
    """The problem that ``text`` describes, as :func:`read_problem` reads it, but not validated."""
    from io import StringIO

    try:
        return _read(StringIO(text), lambda: None)
    except Misfit as misfit:
        raise InputError(str(misfit)) from None


def write_problem(path: Path, problem: PlanningProblem) -> Path:
    """Write ``problem`` in the one canonical form, whole or not at all; raises :class:`InputError`."""
    with whole_path(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(problem_lines(problem))
    return path


def problem_lines(problem: PlanningProblem) -> Iterator[str]:
    """The canonical text, in pieces: fields in the types' order, one list item per line, no defaults."""
    yield f'{{\n"format": "{FORMAT}",\n"version": {VERSION}'
    for field in fields(problem):
        value = getattr(problem, field.name)
        if value == field.default:
            continue
        yield f",\n{json.dumps(field.name)}: "
        if field.name not in _LISTS:
            yield _text(plain(value, real=field.name in _real_fields(PlanningProblem)))
            continue
        yield "["
        for k, item in enumerate(value):
            yield (",\n" if k else "\n") + _text(plain(item))
        yield "\n]"
    yield "\n}\n"


def plain(value: Any, *, real: bool = False) -> Any:
    """JSON data of a value of the model; fields that hold their default are left out.

    ``real``: whole numbers in it are written as real ones (``120`` as ``120.0``): one problem, one text.
    """
    if isinstance(value, Epoch):
        return value.iso(9)
    if is_dataclass(value):
        kind: Any = type(value)
        reals = _real_fields(kind)
        return {
            field.name: plain(item, real=field.name in reals)
            for field in fields(value)
            if (item := getattr(value, field.name)) is not field.default and item != field.default
        }
    if isinstance(value, tuple):
        return [plain(item, real=real) for item in value]
    return float(value) if real and isinstance(value, int) else value


@cache
def _real_fields(kind: Any) -> frozenset[str]:
    """Fields of ``kind`` that hold real numbers, by themselves or in tuples."""
    return frozenset(name for name, hint in get_type_hints(kind).items() if _has_reals(hint))


def _has_reals(hint: Any) -> bool:
    return hint is float or any(_has_reals(inner) for inner in get_args(hint))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _refuse(what: str) -> NoReturn:
    raise Misfit("", what)


def _no_constant(name: str) -> NoReturn:
    _refuse(f"{name} is not a number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        _refuse(f"key {next(n for n in names if names.count(n) > 1)!r} stands twice in one object")
    return found


_DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_unique)


class _Stream:
    """A window on the text that moves on as values are taken from it."""

    def __init__(self, file: TextIOBase, moved: Callable[[], None]) -> None:
        self._file, self._moved = file, moved
        self._text, self._at, self._line, self._end = "", 0, 1, False

    def _more(self, least: int = _CHUNK) -> bool:
        """Read on, dropping what is taken; False at the end of the file."""
        if self._end:
            return False
        self._line += self._text.count("\n", 0, self._at)
        piece = self._file.read(least)
        self._end = not piece
        self._text, self._at = self._text[self._at :] + piece, 0
        self._moved()
        return not self._end

    def peek(self) -> str:
        """Next character that is not space; "" at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def take(self, wanted: str) -> str:
        """That next character, which must be one of ``wanted``."""
        found = self.peek()
        if not found or found not in wanted:
            self.fail(f"{' or '.join(map(repr, wanted))} expected, found {found or 'the end of the file'!r}")
        self._at += 1
        return found

    def value(self) -> Any:
        """The next JSON value."""
        self.peek()
        step = _CHUNK
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
                # A number could go on in the text not yet read.
                if end < len(self._text) or not self._more():
                    self._at = end if end <= len(self._text) else len(self._text)
                    return value
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > MOST_ITEM_CHARACTERS:
                    self.fail(f"one value is longer than {MOST_ITEM_CHARACTERS / 1e6:.0f} million characters")
                if not self._more(step):
                    self.fail(error.msg)
                step *= 2
            except ValueError as error:  # a number of thousands of digits
                self.fail(str(error))
            except RecursionError:
                self.fail("lists or objects are nested too deep")

    def fail(self, what: str) -> NoReturn:
        """Raise, naming the line."""
        line = self._line + self._text.count("\n", 0, self._at)
        _refuse(f"not valid JSON from line {line} on: {what}")


def _read(file: TextIOBase, moved: Callable[[], None]) -> PlanningProblem:
    stream = _Stream(file, moved)
    found: dict[str, Any] = {}
    head: dict[str, Any] = {}
    stream.take("{")
    while stream.peek() != "}" or found or head:
        if stream.peek() != '"':
            stream.fail("a key in double quotes is expected")
        key = stream.value()
        stream.take(":")
        if key in found or key in head:
            _refuse(f"key {key!r} stands twice")
        if key in ("format", "version"):
            head[key] = stream.value()
        elif key in _LISTS and stream.peek() == "[":
            found[key] = tuple(_items(stream, key))
        else:
            found[key] = stream.value()
        if stream.take(",}") == "}":
            break
    else:
        stream.take("}")
    if stream.peek():
        stream.fail("there is more after the end")
    _check_head(head)
    lists = {name: found.pop(name) for name in _LISTS if isinstance(found.get(name), tuple)}
    rest: PlanningProblem = read(PlanningProblem, found)
    values = {f.name: getattr(rest, f.name) for f in fields(rest)}
    return PlanningProblem(**{**values, **lists})


def _check_head(head: dict[str, Any]) -> None:
    if head.get("format") != FORMAT:
        _refuse(f'"format" must be "{FORMAT}", is {head.get("format")!r}')
    version = head.get("version")
    if type(version) is not int or version != VERSION:
        _refuse(f'"version" is {version!r}: this program reads version {VERSION}')


def _items(stream: _Stream, name: str) -> Iterator[Any]:
    """Items of the list ``name``, each turned into its type at once."""
    kind, most = _LISTS[name], MOST_ITEMS.get(name, _MOST_OTHERS)
    stream.take("[")
    if stream.peek() == "]":
        stream.take("]")
        return
    k = 0
    while True:
        if k >= most:
            _refuse(f"more than {most:,} {name}, the most that is read: split the problem by time or region")
        data = stream.value()
        try:
            yield read(kind, data)
        except Misfit as misfit:
            id = data.get("id") if isinstance(data, dict) else None
            raise misfit.within(f"{name}[{k}]" + (f" ({id})" if isinstance(id, str) else "")) from None
        k += 1
        if stream.take(",]") == "]":
            return
