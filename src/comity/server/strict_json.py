"""What JSON bodies may hold: what every store and every reader can hold too."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from comity.server.problems import FieldError

#: Only a body with one of these, or with as many brackets as levels, can hold something that is refused
#: below; others are not read twice. Each alternative is of bounded length: the search is linear.
_SUSPECT = re.compile(rb"NaN|Infinity|\\u0000|\\u[dD][89a-fA-F]|[0-9][eE]\+?[0-9]{3}|[0-9]{300}|\x00")
MAX_DEPTH = 100


def check_json(body: bytes) -> None:
    """Refuse what is no UTF-8, NaN, numbers beyond a double, lone surrogates, NUL, nesting over 100 levels.

    Raises :class:`FieldError`. A body that is no JSON at all passes: the route says so itself.
    """
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise FieldError(
            f"the body is no UTF-8: {error.reason} at byte {error.start:,}", field="body"
        ) from error
    strange = _SUSPECT.search(body) is not None
    if not strange and body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    try:
        found = json.loads(body, parse_constant=_constant, parse_float=_float, parse_int=_int)
    except RecursionError as error:
        raise _deep() from error
    except FieldError:
        raise
    except ValueError:
        return
    _check_levels(found, strange)


def _deep() -> FieldError:
    return FieldError(f"the body nests deeper than {MAX_DEPTH} levels", field="body", limit=MAX_DEPTH)


def _constant(text: str) -> NoReturn:
    raise FieldError(
        f"{text} is no JSON number: leave the field out or give a number", field="body", value=text
    )


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise FieldError(
            f"{text[:40]} is beyond what a number may be", field="body", value=text, limit=1.7e308
        )
    return value


def _int(text: str) -> int:
    if len(text) > 300:
        raise FieldError(f"an integer of {len(text):,} digits", field="body", value=text, limit="300 digits")
    return int(text)


def _check_levels(found: Any, strange: bool) -> None:
    """Level by level, so that no nesting is too deep to be looked at; text only where it may be strange."""
    level = [found]
    for _ in range(MAX_DEPTH + 1):
        if strange:
            for value in level:
                _check_text(value)
                if isinstance(value, dict):
                    for key in value:
                        _check_text(key)
        level = [
            inner
            for value in level
            if isinstance(value, list | dict)
            for inner in (value.values() if isinstance(value, dict) else value)
            if strange or isinstance(inner, list | dict)
        ]
        if not level:
            return
    raise _deep()


def _check_text(value: object) -> None:
    if isinstance(value, str) and ("\x00" in value or any("\ud800" <= c <= "\udfff" for c in value)):
        raise FieldError(
            "text holds a NUL or half a surrogate pair, which no store keeps", field="body", value=value
        )
