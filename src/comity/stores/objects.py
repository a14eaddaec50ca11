"""Files in a folder or an S3-compatible bucket, behind the :class:`comity.operations.ObjectStore` port.

Through ``obstore`` (Rust ``object_store``), imported when a store is opened. Large files go up in parts and
appear under their key only when the last part is in; what is broken off is never seen. Requests are tried
again a few times with growing pauses, within :data:`RETRY_S` in all.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comity.core import InputError, whole_path
from comity.operations.ports import ObjectStoreError, StoredObject

if TYPE_CHECKING:
    from obstore.store import LocalStore, S3Store

#: How long one request may be tried again, and how often.
RETRY_S = 30.0
RETRIES = 5
_CONNECT_S = 5.0
#: One request, e.g. a part: 8 MiB in five minutes is 28 kB/s.
_REQUEST_S = 300.0
_PART_BYTES = 8 * 2**20
#: S3 takes at most 10,000 parts.
_MOST_PARTS = 9_000
_PARTS_AT_ONCE = 4
_DIGEST = "sha256"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


def object_store(place: str, *, endpoint: str | None = None, retry_s: float = RETRY_S) -> Objects:
    """The store at ``place``: ``s3://BUCKET[/PREFIX]``, or a folder, made where it is missing.

    ``endpoint``: URL of an S3-compatible server; without it AWS_ENDPOINT_URL, else Amazon. Credentials and
    region come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION (or the
    machine's role on Amazon); nothing is asked of the server yet. Raises :class:`InputError` for a place or
    endpoint that cannot be.
    """
    if "://" not in place:
        return _folder(place, endpoint)
    scheme, _, rest = place.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3":
        raise InputError(f"{place}: Comity stores objects in s3://BUCKET/PREFIX or in a folder")
    if not _BUCKET.fullmatch(bucket):
        raise InputError(f"{place}: {bucket!r} is no bucket name (3–63 of a–z, 0–9, '-' and '.')")
    endpoint = endpoint or next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)
    if endpoint is not None and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", endpoint):
        raise InputError(f"endpoint {endpoint!r} is no address such as https://s3.example.org")
    from obstore.store import S3Store

    options: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint.rstrip("/")}
    if not os.environ.get("AWS_REGION") and not os.environ.get("AWS_DEFAULT_REGION"):
        options["region"] = "us-east-1"
    inner = S3Store(
        bucket,
        prefix=prefix.strip("/") or None,
        client_options={
            "allow_http": endpoint is not None and endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=_CONNECT_S),
            "timeout": timedelta(seconds=_REQUEST_S),
        },
        retry_config={
            "max_retries": RETRIES,
            "retry_timeout": timedelta(seconds=retry_s),
            "backoff": {
                "init_backoff": timedelta(milliseconds=200),
                "max_backoff": timedelta(seconds=5),
                "base": 2,
            },
        },
        **options,
    )
    return Objects(inner, place.rstrip("/"), endpoint or "Amazon S3", tells=True)


def _folder(place: str, endpoint: str | None) -> Objects:
    if endpoint is not None:
        raise InputError(f"--endpoint is for s3://BUCKET, and {place} is a folder")
    from obstore.store import LocalStore

    path = Path(place).expanduser().absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        return Objects(LocalStore(path), place, "the folder", tells=False)
    except OSError as error:
        raise InputError(f"cannot make folder {path}: {error.strerror or error}") from error


class Objects:
    """A :class:`comity.operations.ObjectStore` over an ``obstore`` store.

    ``server``: what answers, for messages. ``tells``: it keeps a SHA-256 beside an object; where it does not
    (a folder), the object is read.
    """

    def __init__(self, inner: LocalStore | S3Store, place: str, server: str, *, tells: bool) -> None:
        self._inner = inner
        self._place = place
        self._server = server
        self._tells = tells

    @property
    def place(self) -> str:
        """How a person names it."""
        return self._place

    def check(self) -> None:
        """Raise now what any other call would: no such bucket, access denied, no answer."""
        import obstore

        with self._refusals(""):
            next(iter(obstore.list(self._inner, chunk_size=1)), None)

    def put(self, key: str, source: Path | bytes, *, media_type: str | None = None) -> str:
        """Keep a file or bytes under ``key``, whole or not at all; returns the SHA-256."""
        import obstore

        digest, size = _digest(source)
        with self._refusals(key, source if isinstance(source, Path) else None):
            obstore.put(
                self._inner,
                key,
                source,
                attributes=_attributes(digest, media_type) if self._tells else None,
                chunk_size=max(_PART_BYTES, -(-size // _MOST_PARTS)),
                max_concurrency=_PARTS_AT_ONCE,
            )
            stored = obstore.head(self._inner, key)["size"]
        if stored != size:
            raise ObjectStoreError(
                f"{self._named(key)} has {stored} bytes after {size} were sent: put it again"
            )
        return digest

    def get(self, key: str) -> bytes:
        """The whole object."""
        import obstore

        with self._refusals(key):
            return bytes(obstore.get(self._inner, key).bytes())

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """``length`` bytes from ``start``; fewer where the object ends."""
        import obstore

        if start < 0 or length < 0:
            raise InputError(f"{self._named(key)}: bytes {start} + {length} are no range")
        with self._refusals(key):
            size = obstore.head(self._inner, key)["size"]
            if start >= size or length == 0:
                return b""
            return bytes(obstore.get_range(self._inner, key, start=start, end=min(start + length, size)))

    def fetch(self, key: str, destination: Path) -> str:
        """The whole object into a file, whole or not at all; returns its SHA-256 as it was read."""
        import obstore

        told = hashlib.sha256()
        with whole_path(destination) as part, part.open("xb") as file:
            with self._refusals(key):
                chunks = iter(obstore.get(self._inner, key))
            while True:
                with self._refusals(key):  # not for what the disk here refuses
                    chunk = next(chunks, None)
                if chunk is None:
                    break
                told.update(chunk)
                file.write(chunk)
        return told.hexdigest()

    def digest(self, key: str) -> str | None:
        """SHA-256 of the object as it was put; None when it is not there or was put by others."""
        import obstore

        with self._refusals(key):
            try:
                found = obstore.get(self._inner, key, options={"head": self._tells})
            except FileNotFoundError:
                return None
            if self._tells:
                return dict(found.attributes).get(_DIGEST)
            told = hashlib.sha256()
            for chunk in found:
                told.update(chunk)
            return told.hexdigest()

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects whose keys begin with the path ``prefix``, in the order of their keys."""
        import obstore

        with self._refusals(prefix):
            found = [
                StoredObject(key=one["path"], size=one["size"])
                for page in obstore.list(self._inner, prefix or None)
                for one in page
            ]
        yield from sorted(found, key=lambda one: one.key)

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        import obstore

        with self._refusals(key):
            try:
                obstore.delete(self._inner, key)
            except FileNotFoundError:
                return

    def _named(self, key: str) -> str:
        return f"{self._place.rstrip('/')}/{key}" if key else self._place

    @contextmanager
    def _refusals(self, key: str, source: Path | None = None) -> Iterator[None]:
        """Say in our words what went wrong."""
        from obstore.exceptions import BaseError

        try:
            yield
        except FileNotFoundError as error:
            if source is not None and not source.exists():
                raise InputError(f"cannot read {source}: it is gone") from error
            raise self._refusal(str(error), key, missing=True) from error
        except (BaseError, OSError, ValueError, NotImplementedError) as error:
            raise self._refusal(str(error), key) from error

    def _refusal(self, text: str, key: str, *, missing: bool = False) -> InputError | ObjectStoreError:
        where = self._named(key)
        bucket = self._place.removeprefix("s3://").partition("/")[0]
        if "NoSuchBucket" in text:
            return InputError(f"{where}: there is no bucket {bucket} at {self._server}: create it first")
        if "169.254." in text or "CredentialsNotLoaded" in text or "instance metadata" in text:
            return InputError(f"{where}: no credentials for {self._server}: set {_KEYS}")
        denied = re.search(r"\b40[13] (Forbidden|Unauthorized)|PermissionDenied|Permission denied", text)
        if denied:
            code = re.search(r"<Code>(\w+)</Code>", text)
            why = f" ({code[1]})" if code else ""
            way = f"check {_KEYS} and the bucket's policy" if self._tells else "check the folder's rights"
            return InputError(f"{where}: {self._server} denies access{why}: {way}")
        if "No space left" in text:
            return InputError(f"{where}: no space is left in {self._place}")
        if missing:
            return InputError(f"{where} is not there")
        if "PermanentRedirect" in text or "AuthorizationHeaderMalformed" in text:
            return InputError(f"{where}: the bucket lies in another region: set AWS_REGION")
        if "HTTP error" in text or re.search(r"\b5\d\d [A-Z]", text):
            tries = re.search(r"after (\d+) retries", text)
            often = f" (tried {int(tries[1]) + 1} times)" if tries else ""
            return ObjectStoreError(
                f"{where}: {self._server} does not answer{often}; nothing is half there, run it again "
                f"when it does. {_short(text)}"
            )
        return ObjectStoreError(f"{where}: {self._server} refused. {_short(text)}")


def _attributes(digest: str, media_type: str | None) -> Any:
    return {_DIGEST: digest, **({"Content-Type": media_type} if media_type else {})}


def _digest(source: Path | bytes) -> tuple[str, int]:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest(), len(source)
    try:
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror or error}") from error


def _short(text: str) -> str:
    """The first line of what the store's client says, without its inner debug print."""
    line = text.partition("\n")[0].partition("<?xml")[0].partition("<!doctype")[0].strip()
    return line[:300]
