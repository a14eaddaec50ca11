"""What an OpenID provider publishes: its configuration and its public keys."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

from comity.stores.elements import SourceError

_TIMEOUT_S = 5.0
#: For the whole answer, however slowly it comes.
_WHOLE_S = 10.0
_MAX_BYTES = 1 << 20


def fetch_document(url: str) -> Mapping[str, Any]:
    """The JSON object at ``url``; raises :class:`SourceError` when it cannot be had.

    No redirect is followed, no more than 1 MiB is read and for no longer than 10 s: the address is
    configured, what answers there may be anything.
    """
    body, until = b"", time.monotonic() + _WHOLE_S
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_S, follow_redirects=False) as response:
            if response.status_code != 200:
                raise SourceError(f"{url} answered HTTP {response.status_code}")
            for part in response.iter_bytes():
                body += part
                if len(body) > _MAX_BYTES:
                    raise SourceError(f"{url} sends more than {_MAX_BYTES:,} bytes")
                if time.monotonic() > until:
                    raise SourceError(f"{url} does not answer within {_WHOLE_S:g} s")
        found = json.loads(body)
    except (httpx.HTTPError, ValueError, RecursionError) as error:
        raise SourceError(f"{url} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise SourceError(f"{url} is no JSON object")
    return found
