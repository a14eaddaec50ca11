"""What JSON bodies may hold: what every store and every reader can hold too."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from comity.server.problems import FieldError

#: Only a body with one of these can hold something that is refused below; others are not read twice.
_SUSPECT = re.compile(
    rb"NaN|Infinity|\\u0000|\\u[dD][89a-fA-F]|[0-9][eE]\+?[0-9]{3}|[0-9]{300}|\x00|(?:[\[{]\s*){100}"
)
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
    if not _SUSPECT.search(body):
        return
    try:
        found = json.loads(body, parse_constant=_constant, parse_float=_float, parse_int=_int)
    except RecursionError as error:
        raise _deep() from error
    except FieldError:
        raise
    except ValueError:
        return
    _walk(found, 0)


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


def _walk(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _deep()
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise FieldError(
                "text holds a NUL or half a surrogate pair, which no store keeps", field="body", value=value
            )
    elif isinstance(value, list):
        for item in value:
            _walk(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            _walk(key, depth + 1)
            _walk(item, depth + 1)
