"""Opening customers' buckets: with their credentials and theirs alone, through the guard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from comity.core import InputError
from comity.operations.buckets import Bucket
from comity.operations.ports import ObjectStore
from comity.stores.guard import Guard
from comity.stores.guarded_proxy import guarded_proxy
from comity.stores.objects import Objects

if TYPE_CHECKING:
    from obstore.store import S3Credential

#: How long one request may be tried again: a job that fails is run again anyway.
RETRY_S = 10.0
_PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9!_.*'()=-]+)*)/?")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_MAX_PLACE = 500


class GuardedBuckets:
    """A :class:`comity.operations.BucketOpener` for S3 and servers that speak as it does."""

    def __init__(self, guard: Guard | None = None) -> None:
        self._guard = guard or Guard()

    def check(self, place: str, endpoint: str | None) -> None:
        """Raises :class:`InputError` for a place or endpoint that is never written to."""
        parts = _PLACE.fullmatch(place) if len(place) <= _MAX_PLACE else None
        if parts is None or any(part in (".", "..") for part in (parts[2] or "").split("/")):
            raise InputError(
                f"place {place[:80]!r} must be s3://BUCKET or s3://BUCKET/PREFIX, at most {_MAX_PLACE} "
                "characters, with neither . nor .. as a part"
            )
        if endpoint is not None and self._guard.check(endpoint).query:
            raise InputError("endpoint must not hold a query")

    @contextmanager
    def open(self, bucket: Bucket) -> Iterator[ObjectStore]:
        """The bucket as an object store, while the context lasts."""
        from obstore.store import S3Store

        if not _REGION.fullmatch(bucket.region):
            raise InputError(f"region {bucket.region[:40]!r} must be such as eu-central-1")
        endpoint = bucket.endpoint or f"https://s3.{bucket.region}.amazonaws.com"
        self.check(bucket.place, endpoint)
        parts = _PLACE.fullmatch(bucket.place)
        assert parts is not None

        def credentials() -> S3Credential:
            # A provider, for keys given as options are completed from the environment, which is ours.
            return {
                "access_key_id": bucket.access_key_id,
                "secret_access_key": bucket.secret_access_key,
                "token": None,
                "expires_at": None,
            }

        with guarded_proxy(self._guard) as proxy:
            inner = S3Store(
                parts[1],
                prefix=parts[2].strip("/") or None,
                endpoint=endpoint.rstrip("/"),
                region=bucket.region,
                credential_provider=credentials,
                client_options={
                    "allow_http": endpoint.startswith("http://"),
                    "proxy_url": proxy,
                    "connect_timeout": timedelta(seconds=5),
                    "timeout": timedelta(seconds=300),
                },
                retry_config={
                    "max_retries": 2,
                    "retry_timeout": timedelta(seconds=RETRY_S),
                    "backoff": {
                        "init_backoff": timedelta(milliseconds=200),
                        "max_backoff": timedelta(seconds=2),
                        "base": 2,
                    },
                },
            )
            yield Objects(inner, bucket.place.rstrip("/"), endpoint, tells=True)
