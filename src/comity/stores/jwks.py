"""The public keys of an OpenID provider, fetched from its JWKS address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from comity.stores.elements import SourceError

_TIMEOUT_S = 5.0
_MAX_BYTES = 1 << 20


def fetch_jwks(url: str) -> Mapping[str, Any]:
    """The JWK Set at ``url``; raises :class:`SourceError` when it cannot be had.

    No redirect is followed and no more than 1 MiB is read: the address is configured, what answers there may
    be anything.
    """
    body = b""
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_S, follow_redirects=False) as response:
            if response.status_code != 200:
                raise SourceError(f"{url} answered HTTP {response.status_code}")
            for part in response.iter_bytes():
                body += part
                if len(body) > _MAX_BYTES:
                    raise SourceError(f"{url} sends more than {_MAX_BYTES:,} bytes")
        found = json.loads(body)
    except (httpx.HTTPError, ValueError, RecursionError) as error:
        raise SourceError(f"{url} cannot be read: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise SourceError(f"{url} is no JWK Set")
    return found
