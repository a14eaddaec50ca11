"""Gathering everything that is wrong with a file, to say it at once and in few words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from comity.core import InputError

M = TypeVar("M", bound=BaseModel)

#: Mistakes shown at once; the rest are counted.
SHOWN = 10
_MISSING = object()


class Problems:
    """Mistakes of one file (``origin``), each a line that names key, value, limit and way out."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self._lines: list[str] = []

    def add(self, key: str, message: str, value: object = _MISSING) -> None:
        """Note that ``key`` (a dotted path) is wrong; ``value`` is what stands there."""
        shown = "" if value is _MISSING else f" = {_shown(value)}"
        line = f"{self.origin}: {key}{shown}: {message}"
        if line not in self._lines:
            self._lines.append(line)

    def read(self, model: type[M], data: object, key: str) -> M | None:
        """The table as ``model``, or None with every one of its mistakes noted under ``key``."""
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                path = ".".join([key, *_path(item["loc"])]) if key else ".".join(_path(item["loc"]))
                self._note(model, path, item)
            return None

    def read_all(self, model: type[M], tables: Iterable[dict[str, Any]], key: str) -> list[M]:
        """The tables that are right; ids must differ, and a repeated one is noted."""
        found: list[M] = []
        seen: set[str] = set()
        for number, table in enumerate(tables):
            id = table.get("id")
            path = f"{key}.{id}" if isinstance(id, str) else f"{key}[{number + 1}]"
            if isinstance(id, str) and id in seen:
                self.add(path, "the id is used twice: ids must differ")
            if isinstance(id, str):
                seen.add(id)
            item = self.read(model, table, path)
            if item is not None:
                found.append(item)
        return found

    def known(self, key: str, value: str, kind: str, ids: Iterable[str], hint: str = "") -> bool:
        """Whether ``value`` is one of ``ids``; if not, notes it with near matches."""
        known = list(ids)
        if value in known:
            return True
        near = difflib.get_close_matches(value, known, n=2, cutoff=0.5)
        if near:
            way_out = "did you mean " + " or ".join(repr(n) for n in near) + "?"
        else:
            way_out = (
                f"known: {', '.join(known[:8])}{', …' if len(known) > 8 else ''}" if known else "none exists"
            )
        self.add(key, f"no such {kind}{hint}; {way_out}", value)
        return False

    @property
    def any(self) -> bool:
        """Whether anything was noted."""
        return bool(self._lines)

    def raise_any(self) -> None:
        """Raise :class:`InputError` with all that was noted, if anything was."""
        if not self._lines:
            return
        rest = len(self._lines) - SHOWN
        tail = [f"… and {rest} more"] if rest > 0 else []
        raise InputError("\n".join(self._lines[:SHOWN] + tail))

    def _note(self, model: type[BaseModel], path: str, item: Any) -> None:
        kind, value = item["type"], item["input"]
        if kind == "extra_forbidden":
            key = str(item["loc"][-1])
            near = difflib.get_close_matches(key, list(model.model_fields), n=1, cutoff=0.5)
            self.add(path, f"unknown key{f'; did you mean {near[0]!r}?' if near else ''}")
        elif kind == "missing":
            self.add(path, "is missing")
        else:
            self.add(path, _plain(kind, item), value)


def _plain(kind: str, item: Any) -> str:
    context = item.get("ctx") or {}
    limits = {
        "greater_than": "must be above {gt:g}",
        "greater_than_equal": "must be at least {ge:g}",
        "less_than": "must be below {lt:g}",
        "less_than_equal": "must be at most {le:g}",
        "literal_error": "must be {expected}",
        "too_short": "must hold at least {min_length}",
        "too_long": "must hold at most {max_length}",
        "string_too_short": "must not be empty",
    }
    if kind == "string_pattern_mismatch" and "a-z" in str(context.get("pattern")):
        return "an id is made of a-z, 0-9 and . _ - and begins with a letter or digit"
    if kind in limits:
        return limits[kind].format(**context)
    message = str(item["msg"])
    return message.replace("Input should be", "must be", 1)


def _path(loc: tuple[int | str, ...]) -> list[str]:
    parts: list[str] = []
    for step in loc:
        if isinstance(step, int) and parts:
            parts[-1] += f"[{step + 1}]"
        else:
            parts.append(str(step))
    return parts


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
