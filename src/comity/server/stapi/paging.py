"""Pages: opaque tokens that say where the next one begins, and the links that carry them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
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
    str | None,
    Query(
        max_length=_MAX_TOKEN,
        pattern="^[A-Za-z0-9_-]+$",
        description="Where the page begins: from the link `next` or `prev` of a page.",
    ),
]
_NO_TOKEN = "this is no token of a page: follow the link 'next'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[R]):
    """What is on a page, and the tokens of the pages after and before it, None where there is none.

    ``last``: of the last page, None where it is not known.
    """

    found: list[R]
    next: str | None
    prev: str | None
    last: str | None = None

    def links(self, href: str, limit: int, type: str = JSON, **asked: str | None) -> list[dict[str, Any]]:
        """The links to the pages around it; ``asked`` are the query's other parameters."""
        rest = {name: value for name, value in asked.items() if value is not None}

        def at(rel: str, title: str, **more: str) -> dict[str, Any]:
            return link(rel, f"{href}?{urlencode({**rest, 'limit': limit, **more})}", type, title)

        made = []
        if self.next is not None:
            made.append(at("next", "Next page", next=self.next))
        if self.prev is not None:
            made.append(at("prev", "Previous page", next=self.prev))
        if made:
            made.append(at("first", "First page"))
        if made and self.last is not None:
            made.append(at("last", "Last page", next=self.last))
        return made


def token(**values: str | int) -> str:
    """An opaque token that holds these values."""
    text = json.dumps(values, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def token_value(given: str | None, name: str, kind: type[R], field: str) -> R | None:
    """The value of this name in a token; raises :class:`FieldError` for one that this server did not make."""
    if given is None:
        return None
    value = _values(given, field).get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise FieldError(_NO_TOKEN, field=field, value=given)
    return value


def _values(given: str, field: str) -> dict[str, Any]:
    wrong = FieldError(_NO_TOKEN, field=field, value=given)
    try:
        values = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise wrong from error
    if not isinstance(values, dict):
        raise wrong
    return values


def fingerprint(content: Mapping[str, Any]) -> str:
    """Which question a token belongs to."""
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def newest_first(
    fetch: Callable[[int, str | None, str | None], list[R]],
    limit: int,
    given: str | None,
    id_of: Callable[[R], str],
    sees: Callable[[str], bool],
) -> Page[R]:
    """A page of records that are listed newest first. ``fetch(count, before, after)``.

    A token that names a record the caller does not see is as bad as one that names none.
    """
    after = None
    before = None
    if given is not None:
        back = "after" in _values(given, "query.next")
        place = token_value(given, "after" if back else "before", str, "query.next")
        after, before = (place, None) if back else (None, place)
    try:
        named = before or after
        if named is not None and not sees(named):
            raise UnknownIdError("record", named)
        found = fetch(limit + 1, before, after)
    except UnknownIdError as error:
        raise FieldError(_NO_TOKEN, field="query.next", value=given) from error
    more = len(found) > limit
    if after is not None:
        found = found[-limit:]
        older, newer = bool(found), more
    else:
        found = found[:limit]
        older, newer = more, before is not None and bool(found)
    return Page(
        found=found,
        next=token(before=id_of(found[-1])) if older else None,
        prev=token(after=id_of(found[0])) if newer else None,
    )


def start_of(given: str | None) -> int:
    """Where a page of a list that does not change order begins."""
    start = token_value(given, "from", int, "query.next") or 0
    if not 0 <= start < 2**53:
        raise FieldError(_NO_TOKEN, field="query.next", value=given)
    return start


def in_order(items: list[R], limit: int, given: str | None) -> Page[R]:
    """A page of a list that does not change order."""
    start = start_of(given)
    return cut(items[start : start + limit], start, limit, len(items))


def cut(found: list[R], start: int, limit: int, total: int) -> Page[R]:
    """The page ``found``, which begins at ``start`` of ``total``."""
    return Page(
        found=found,
        next=token(**{"from": start + limit}) if start + limit < total else None,
        prev=token(**{"from": max(0, start - limit)}) if start > 0 else None,
        last=token(**{"from": last_start(total, limit)}),
    )


def last_start(total: int, limit: int) -> int:
    """Where the last page begins, when pages begin at the first entry."""
    return max(0, total - 1) // limit * limit
