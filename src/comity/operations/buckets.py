"""Delivery to a customer's own bucket: its credentials, the test write that verifies it, an item's files."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import unquote, urlparse

from comity.core import (
    ComityError,
    Epoch,
    InputError,
    Progress,
    StateError,
    UnknownIdError,
    read_text,
    silent,
)
from comity.operations.events import Event, EventLog
from comity.operations.jobs import JobStore, JobWork
from comity.operations.ports import Collection, ObjectStore
from comity.operations.product_bucket import ProductBucket
from comity.operations.subscriptions import check_room, fresh_name, kept_by, kept_earlier, kept_one, take_in

#: Buckets a tenant may have.
MOST_BUCKETS = 10
#: Links of an Item that lead out of what is sent.
_OUTSIDE = ("root", "parent", "collection", "self")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A tenant's bucket, written to with the tenant's own credentials, never the operator's.

    ``endpoint``: S3-compatible server, None for Amazon. ``after``: number of the newest event that was
    turned into deliveries. Nothing is delivered before its state is ``verified``.
    """

    id: str
    tenant: str
    place: str
    endpoint: str | None
    region: str
    access_key_id: str
    secret_access_key: str
    created: Epoch
    after: int = 0
    state: Literal["unverified", "verified", "deleted"] = "unverified"
    verified: Epoch | None = None


class BucketOpener(Protocol):
    """Opens customers' buckets, and only where a customer may point us."""

    def check(self, place: str, endpoint: str | None) -> None:
        """Raises :class:`InputError` for a place or endpoint that is never written to."""
        ...

    def open(self, bucket: Bucket) -> AbstractContextManager[ObjectStore]:
        """The bucket as an object store, while the context lasts."""
        ...


class BucketWork(JobWork, Protocol):
    """A unit of work with what deliveries need."""

    @property
    def events(self) -> EventLog: ...
    @property
    def buckets(self) -> Collection[Bucket]: ...


class BucketStore(JobStore, Protocol):
    """A job store that keeps buckets."""

    def begin(self) -> BucketWork: ...

    def read(self) -> BucketWork: ...


def add_bucket(
    store: BucketStore,
    opener: BucketOpener,
    *,
    tenant: str,
    place: str,
    endpoint: str | None,
    region: str,
    access_key_id: str,
    secret_access_key: str,
    now: Epoch,
    id: str | None = None,
) -> Bucket:
    """Keep a tenant's bucket, to be verified next; raises :class:`InputError` for what cannot be one.

    ``id``: its name; one of the tenant's that has it already is given as it is.
    """
    opener.check(place, endpoint)
    for name, value in (("access_key_id", access_key_id), ("secret_access_key", secret_access_key)):
        if not value or len(value) > 256:
            raise InputError(f"{name} has {len(value)} characters, it needs 1…256")
    with store.begin() as work:
        if earlier := kept_earlier(work.buckets, id, tenant):
            return earlier
        check_room(work.buckets, "bucket", tenant, MOST_BUCKETS)
        bucket = Bucket(
            id=fresh_name(work.buckets, id, tenant, "bucket", work),
            tenant=tenant,
            place=place,
            endpoint=endpoint,
            region=region,
            access_key_id=access_key_id,
            secret_access_key=secret_access_key,
            created=now,
            after=work.events.last(),
        )
        work.buckets.put(bucket)
    return bucket


def buckets_of(store: BucketStore, tenant: str) -> list[Bucket]:
    """A tenant's buckets, oldest first."""
    with store.read() as work:
        return kept_by(work.buckets, tenant)


def bucket_of(store: BucketStore, id: str, tenant: str) -> Bucket:
    """One bucket of a tenant; another tenant's is as unknown as none."""
    with store.read() as work:
        return kept_one(work.buckets, "bucket", id, tenant)


def delete_bucket(store: BucketStore, id: str, *, tenant: str) -> Bucket:
    """Forget a bucket and its credentials; what lies in it stays."""
    with store.begin() as work:
        bucket = kept_one(work.buckets, "bucket", id, tenant)
        bucket = replace(bucket, state="deleted", access_key_id="", secret_access_key="")
        work.buckets.put(bucket)
    return bucket


def verify_bucket(store: BucketStore, opener: BucketOpener, id: str, *, tenant: str, now: Epoch) -> Bucket:
    """Write a small object, read it back, remove it; then the bucket is ``verified``.

    Raises what the bucket says: no such bucket, access denied (:class:`InputError`), no answer
    (:class:`comity.operations.ObjectStoreError`).
    """
    bucket = bucket_of(store, id, tenant)
    token = secrets.token_hex(16).encode()
    key = f"comity-test-write-{secrets.token_hex(4)}.txt"
    with opener.open(bucket) as objects:
        objects.put(key, token, media_type="text/plain")
        try:
            back = objects.get(key)
        finally:
            objects.delete(key)
    if back != token:
        raise InputError(f"{bucket.place}: what was written to {key} came back otherwise")
    with store.begin() as work:
        # It may have been deleted meanwhile: then it is unknown.
        bucket = kept_one(work.buckets, "bucket", id, tenant)
        bucket = replace(bucket, state="verified", verified=now)
        work.buckets.put(bucket)
    return bucket


def queue_deliveries(store: BucketStore, *, now: Epoch, limit: int = 500) -> int:
    """Turn offered items into deliveries, each once for each verified bucket of its customer; how many."""
    with store.begin() as work:

        def deliver(bucket: Bucket, event: Event) -> None:
            work.jobs.add(
                "bucket",
                {"bucket": bucket.id, "item": event.subject},
                now=now,
                tenant=bucket.tenant,
                key=f"{bucket.id}/{event.subject}",
                most_runs=10,
            )

        return take_in(
            work.events,
            work.buckets,
            "verified",
            lambda bucket, event: event.kind == "item.offered",
            deliver,
            lambda bucket, after: replace(bucket, after=after),
            limit=limit,
        )


def send_item(
    store: BucketStore,
    opener: BucketOpener,
    folder: Path,
    payload: Mapping[str, Any],
    *,
    tenant: str,
    products: ProductBucket | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Put the files of one item into the customer's bucket: the assets first, its Item last.

    Keys are ``ORDER/ITEM/FILE``; a file that is there with the same SHA-256 is not sent again. ``products``:
    the operator's bucket, where the files may lie that are not in ``folder``. Raises
    :class:`StateError` where the bucket is not verified, and what the bucket says.
    """
    bucket = bucket_of(store, payload["bucket"], tenant)
    if bucket.state != "verified":
        raise StateError(f"{bucket.id} is {bucket.state}: verify it first")
    with store.read() as work:
        item = work.items.get(payload["item"])
        if work.orders.get(item.order).customer != tenant:
            raise UnknownIdError("item", item.id)
    path = folder / item.path if products is None else products.item_of(item.path)
    document, files = _sent(path)
    prefix = f"{_part(item.order)}/{_part(item.id)}"
    sent = 0
    with opener.open(bucket) as objects:
        for number, (file, media_type) in enumerate(files):
            progress(number, len(files) + 1, file.name)
            key = f"{prefix}/{file.name}"
            if objects.digest(key) != _sha256(file):
                objects.put(key, file, media_type=media_type)
                sent += 1
        text = json.dumps(document, indent=1, ensure_ascii=False).encode()
        objects.put(f"{prefix}/{Path(item.path).name}", text, media_type="application/geo+json")
    progress(len(files) + 1, len(files) + 1, "sent")
    return {"place": f"{bucket.place.rstrip('/')}/{prefix}/", "files": len(files) + 1, "sent": sent + 1}


def _sent(path: Path) -> tuple[dict[str, Any], list[tuple[Path, str]]]:
    """An item as it stands alone, and its files beside it."""
    document: dict[str, Any] = json.loads(read_text(path))
    document["links"] = [link for link in document.get("links", ()) if link.get("rel") not in _OUTSIDE]
    document.pop("collection", None)
    files: dict[str, tuple[Path, str]] = {}
    for asset in document.get("assets", {}).values():
        parts = urlparse(str(asset.get("href", "")))
        if parts.scheme:
            continue
        file = path.parent / unquote(parts.path)
        if file.parent.resolve() != path.parent.resolve():
            raise ComityError(f"{path}: {asset['href']!r} does not lie beside it")
        files[file.name] = (file, str(asset.get("type") or "application/octet-stream"))
    return document, list(files.values())


def _part(id: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in id)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
