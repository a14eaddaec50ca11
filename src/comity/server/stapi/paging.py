"""Pages: opaque tokens that say where the next one begins, and the links that carry them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Query

from comity.core import UnknownIdError
from comity.server.problems import FieldError
from comity.server.stapi.documents import JSON, link

R = TypeVar("R")

DEFAULT_LIMIT = 10
MAX_LIMIT = 1000
_MAX_TOKEN = 400

PageLimit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most entries of one page.")]
Next = Annotated[
    str | None, Query(max_length=_MAX_TOKEN, description="Where the page begins: from the last page's link.")
]


def token(**values: str | int) -> str:
    """An opaque token that holds these values."""
    text = json.dumps(values, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def token_value(given: str | None, name: str, kind: type[R], field: str) -> R | None:
    """The value of this name in a token; raises :class:`FieldError` for one that this server did not make."""
    if given is None:
        return None
    wrong = FieldError("this is no token of a page: follow the link 'next'", field=field, value=given)
    try:
        values = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise wrong from error
    value = values.get(name) if isinstance(values, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise wrong
    return value


def fingerprint(content: Mapping[str, Any]) -> str:
    """Which question a token belongs to."""
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def newest_first(
    fetch: Callable[[int, str | None], list[R]], limit: int, given: str | None, id_of: Callable[[R], str]
) -> tuple[list[R], str | None]:
    """A page of records and the token of the next, None at the end. ``fetch(count, before)``."""
    before = token_value(given, "before", str, "query.next")
    try:
        found = fetch(limit + 1, before)
    except UnknownIdError as error:
        raise FieldError(
            "this is no token of a page: follow the link 'next'", field="query.next", value=given
        ) from error
    return found[:limit], token(before=id_of(found[limit - 1])) if len(found) > limit else None


def in_order(items: list[R], limit: int, given: str | None) -> tuple[list[R], str | None]:
    """A page of a list that does not change order, and the token of the next."""
    start = token_value(given, "from", int, "query.next") or 0
    if start < 0:
        raise FieldError(
            "this is no token of a page: follow the link 'next'", field="query.next", value=given
        )
    after = start + limit
    return items[start:after], token(**{"from": after}) if after < len(items) else None


def next_link(href: str, limit: int, following: str | None, type: str = JSON) -> list[dict[str, Any]]:
    """The link to the next page of a GET, if there is one."""
    if following is None:
        return []
    return [link("next", f"{href}?{urlencode({'limit': limit, 'next': following})}", type, "Next page")]
