"""The bucket that several servers keep their products in, each with a folder of its own before it.

What is offered lies in the bucket before its record is kept, under the keys of :func:`publish`: whoever sees
the record finds the files, whichever machine made them.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from comity.core import Executor, InputError, Progress, ThreadExecutor, UnknownIdError, silent, whole_path
from comity.operations.ports import ObjectStore, ObjectStoreError, StoredObject
from comity.operations.publishing import Published, publish, publish_item

#: Below the delivery folder: what was fetched, a folder for the SHA-256 of each Item.
FETCHED = "fetched"
#: What was used so lately stays, even over the bound: somebody may be reading it.
_IN_USE_S = 120.0
#: How long it counts that the bucket could be used, and that it could not.
_GOOD_S, _BAD_S = 30.0, 5.0
_AT_ONCE = 4
_LOCKS = 32
#: Written now and then to see whether the bucket takes anything.
_PROBE = "comity-ready.txt"

T = TypeVar("T")


class BucketAwayError(ObjectStoreError):
    """The bucket of products cannot be used at present: no fault of who asked."""


class ProductBucket:
    """The bucket behind a delivery folder.

    ``folder``: the delivery folder, whose ``stac`` has the keys of the bucket. ``cache_bytes``: about how
    much is kept of what was fetched to be looked at. Everything raises :class:`BucketAwayError` where the
    bucket is not there, refuses or does not answer.
    """

    def __init__(self, objects: ObjectStore, folder: Path, *, cache_bytes: int = 2 * 2**30) -> None:
        self._objects: ObjectStore = _Ours(objects)
        self._folder = folder
        self._cache_bytes = cache_bytes
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._asked = threading.Lock()
        self._state: tuple[BucketAwayError | None, float] | None = None

    @property
    def place(self) -> str:
        """How a person names it."""
        return self._objects.place

    def check(self) -> None:
        """Raise where nothing can be written to it; asked at most every few seconds, whoever asks."""
        with self._asked:
            known, now = self._state, time.monotonic()
            if known is None or now - known[1] > (_GOOD_S if known[0] is None else _BAD_S):
                try:
                    self._objects.put(_PROBE, b"ready\n", media_type="text/plain")
                    known = None, time.monotonic()
                except BucketAwayError as error:
                    known = error, time.monotonic()
                self._state = known
        if known[0] is not None:
            raise BucketAwayError(str(known[0]))

    # -- for those who make products -------------------------------------------------------------------

    def keep(self, item: Path) -> None:
        """Put an Item and its files, the Item last; what is there already is not sent again."""
        publish_item(item, self._folder / "stac", self._objects)

    def publish(
        self,
        catalogue: Path,
        there: Mapping[str, int],
        *,
        executor: Executor | None = None,
        progress: Progress = silent,
    ) -> Published:
        """Put the catalogue and what of it is not ``there`` yet, as :meth:`listed` told."""
        return publish(catalogue, self._objects, executor=executor, there=there, progress=progress)

    def listed(self) -> dict[str, int]:
        """Key → size of everything in it."""
        return {one.key: one.size for one in self._objects.list()}

    def bring(self, paths: Iterable[str]) -> None:
        """Bring files into the delivery folder that are not there; those the bucket lacks are left out.

        ``paths``: relative to the delivery folder.
        """
        missing = [path for path in paths if not (self._folder / path).is_file()]

        def one(path: str) -> None:
            with suppress(UnknownIdError):
                self._fetch(_key(path), self._folder / path, None)

        for _ in ThreadExecutor(_AT_ONCE).map(one, missing):
            pass

    # -- for those who read them -----------------------------------------------------------------------

    def file(self, path: str, digest: str, href: str, checksum: str = "") -> Path:
        """A file beside the Item at ``path`` (relative to the folder): here, or fetched to be kept a while.

        ``digest``: SHA-256 of the Item, under which it is kept; ``checksum``: of the file, as the Item tells.
        Raises :class:`UnknownIdError` for what is nowhere or does not lie beside the Item.
        """
        parts = urlsplit(href)
        beside = os.path.normpath(Path(path).parent / unquote(parts.path))
        if parts.scheme or parts.netloc or Path(beside).parent != Path(path).parent:
            raise UnknownIdError("file", href)
        if (here := self._folder / beside).is_file():
            return here
        kept = self._home(digest) / Path(beside).name
        with self._locks[hash(kept) % _LOCKS]:
            if not kept.is_file():
                self._fetch(_key(beside), kept, checksum)
                self._bound()
        with suppress(OSError):
            os.utime(kept.parent)
        return kept

    def item(self, path: str, digest: str, document: Mapping[str, Any]) -> Path:
        """The Item at ``path`` with all files beside it: here where all are, else fetched."""
        hrefs = [(str(one.get("href", "")), str(one.get("file:checksum", "")))
                 for one in document["assets"].values()]  # fmt: skip
        here = self._folder / path
        if here.is_file() and all(
            (here.parent / unquote(urlsplit(href).path)).is_file() for href, _ in hrefs
        ):
            return here
        kept = self._home(digest) / Path(path).name
        for href, checksum in hrefs:
            with suppress(UnknownIdError):  # who reads it says what is missing
                found = self.file(path, digest, href, checksum)
                if found.parent != kept.parent and not (kept.parent / found.name).exists():
                    with whole_path(kept.parent / found.name) as part:
                        part.symlink_to(found.resolve())
        if not kept.is_file():
            with whole_path(kept) as part:
                part.write_text(json.dumps(document), encoding="utf-8")
        return kept

    def item_of(self, path: str) -> Path:
        """As :meth:`item`, of an Item of which only the path is known."""
        import hashlib

        here = self._folder / path
        content = here.read_bytes() if here.is_file() else self._objects.get(_key(path))
        return self.item(path, hashlib.sha256(content).hexdigest(), json.loads(content))

    def _home(self, digest: str) -> Path:
        return self._folder / FETCHED / digest

    def _fetch(self, key: str, destination: Path, checksum: str | None) -> None:
        if self._objects.digest(key) is None:
            self._objects.check()  # it may be the bucket that is not there
            raise UnknownIdError("file", key)
        with whole_path(destination) as part:
            digest = self._objects.fetch(key, part)
            # a multihash: 12 is SHA-256, 20 its length
            if checksum and checksum.startswith("1220") and checksum[4:] != digest:
                raise BucketAwayError(f"{self.place}/{key} is not what its Item says: it was changed there")

    def _bound(self) -> None:
        """Forget what was used longest ago, down to the bound."""
        homes = []
        for home in (self._folder / FETCHED).iterdir():
            with suppress(OSError):
                size = sum(one.lstat().st_size for one in home.iterdir())
                homes.append((home.stat().st_mtime, size, home))
        total = sum(size for _, size, _ in homes)
        for used, size, home in sorted(homes):
            if total <= self._cache_bytes or time.time() - used < _IN_USE_S:
                return
            shutil.rmtree(home, ignore_errors=True)
            total -= size


def _key(path: str) -> str:
    """The key of a file by its path in the delivery folder: without ``stac/``."""
    first, _, rest = Path(path).as_posix().partition("/")
    if first != "stac" or not rest:
        raise UnknownIdError("file", path)
    return rest


class _Ours:
    """The operator's store: whatever it refuses is for the operator to mend, and to be tried again then."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    @property
    def place(self) -> str:
        return self._objects.place

    def check(self) -> None:
        self._told(self._objects.check)

    def put(self, key: str, source: Path | bytes, *, media_type: str | None = None) -> str:
        return self._told(lambda: self._objects.put(key, source, media_type=media_type))

    def get(self, key: str) -> bytes:
        return self._told(lambda: self._objects.get(key))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._told(lambda: self._objects.get_range(key, start, length))

    def fetch(self, key: str, destination: Path) -> str:
        return self._told(lambda: self._objects.fetch(key, destination))

    def digest(self, key: str) -> str | None:
        return self._told(lambda: self._objects.digest(key))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        yield from self._told(lambda: [*self._objects.list(prefix)])

    def delete(self, key: str) -> None:
        self._told(lambda: self._objects.delete(key))

    def _told(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except (InputError, ObjectStoreError) as error:
            if not str(error).startswith(self.place.rstrip("/")):
                raise  # a file of this machine, not the store
            raise BucketAwayError(str(error)) from error
