"""Publishing what was delivered: a static STAC catalogue and its files into a folder or a bucket."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from comity.core import Executor, InputError, Progress, ThreadExecutor, read_text, silent
from comity.operations.ports import ObjectStore

#: Uploads under way at once; each sends some parts at once itself.
_AT_ONCE = 4
_TYPES = {".json": "application/json", ".png": "image/png", ".html": "text/html",
          ".tif": "image/tiff; application=geotiff; profile=cloud-optimized"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What :func:`publish` did. ``sent``: files that were put; ``kept``: those that were there already."""

    place: str
    catalogue: str
    items: int
    sent: int
    kept: int
    bytes_sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    path: Path
    key: str
    media_type: str
    digest: str | None = None


def publish(
    catalogue: Path,
    objects: ObjectStore,
    *,
    executor: Executor | None = None,
    there: Mapping[str, int] | None = None,
    progress: Progress = silent,
) -> Published:
    """Copy a static STAC catalogue with all its files, under the names they have beside ``catalog.json``.

    Every file is put whole: first what the Items show (images, quicklooks, reports), then the Items, then the
    collections, the catalogue last. So whoever reads it while it is written finds nothing that is not there.
    What is there already with the same SHA-256 is not sent again: after a kill or a failure a new call goes
    on. Nothing is ever removed. ``there``: sizes by key of what a listing of the store has just shown: Items
    and their files of the same size are not looked at again, and files need not lie here as well.

    Raises :class:`InputError` before anything is sent where a file is missing or lies outside the catalogue's
    folder, before it is sent where it differs from its Item's checksum; and what the store raises.
    """
    root = catalogue.parent
    there = there or {}
    assets, items, collections = _listed(catalogue, there)
    objects.check()
    sent = kept = size = 0
    total = len(assets) + len(items) + len(collections) + 1
    for number, stage in enumerate((assets, items, collections, [_json(root, catalogue)])):
        put = _Put(objects, there if number < 2 else {})
        for file, went in zip(stage, (executor or ThreadExecutor(_AT_ONCE)).map(put, stage), strict=True):
            progress(sent + kept, total, file.key)
            sent, kept = sent + went, kept + (not went)
            size += file.path.stat().st_size if went else 0
    progress(total, total, "catalog.json")
    return Published(
        place=objects.place,
        catalogue=f"{objects.place.rstrip('/')}/{catalogue.name}",
        items=len(items),
        sent=sent,
        kept=kept,
        bytes_sent=size,
    )


@dataclass(frozen=True, slots=True)
class _Put:
    """Puts a file where it is not yet; says whether it did."""

    objects: ObjectStore
    there: Mapping[str, int]

    def __call__(self, file: _File) -> bool:
        if file.key in self.there and (
            not file.path.is_file() or file.path.stat().st_size == self.there[file.key]
        ):
            return False
        digest = _sha256(file.path)
        if file.digest is not None and digest != file.digest:
            raise InputError(
                f"{file.path} is not what its Item says: SHA-256 {digest[:12]}…, not {file.digest[:12]}…"
            )
        if self.objects.digest(file.key) == digest:
            return False
        self.objects.put(file.key, file.path, media_type=file.media_type)
        return True


def publish_item(item: Path, root: Path, objects: ObjectStore) -> None:
    """Put one Item below the catalogue's folder ``root`` as :func:`publish` does, its files first."""
    put = _Put(objects, {})
    for file in [*_assets(root, item, {}), _json(root, item, geojson=True)]:
        put(file)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _listed(catalogue: Path, there: Mapping[str, int]) -> tuple[list[_File], list[_File], list[_File]]:
    """The files that Items name, the Items, the collections: each once, in the catalogue's order."""
    root = catalogue.parent
    assets: dict[str, _File] = {}
    items: dict[str, _File] = {}
    collections: dict[str, _File] = {}
    waiting = list(_linked(root, catalogue, ("child", "item")))
    while waiting:
        kind, path = waiting.pop(0)
        file = _json(root, path, geojson=kind == "item")
        if kind == "item":
            items[file.key] = file
            for asset in _assets(root, path, there):
                assets[asset.key] = asset
        elif file.key not in collections:
            collections[file.key] = file
            waiting += _linked(root, path, ("child", "item"))
    return list(assets.values()), list(items.values()), list(collections.values())


def _linked(root: Path, path: Path, kinds: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for link in _document(path).get("links", ()):
        if link.get("rel") in kinds:
            yield link["rel"], _local(root, path, str(link.get("href", "")))


def _assets(root: Path, path: Path, there: Mapping[str, int]) -> Iterator[_File]:
    for name, asset in _document(path).get("assets", {}).items():
        href = str(asset.get("href", ""))
        if urlparse(href).scheme not in ("", "file"):
            continue  # it lies elsewhere already
        file = _local(root, path, href)
        checksum = str(asset.get("file:checksum", ""))
        # a multihash: 12 is SHA-256, 20 its length
        digest = checksum[4:] if checksum.startswith("1220") and len(checksum) == 68 else None
        media_type = str(asset.get("type") or _TYPES.get(file.suffix.lower(), "application/octet-stream"))
        if not file.is_file() and _key(root, file) not in there:
            raise InputError(f"{file} is missing: asset {name!r} of {path} is it")
        yield _File(path=file, key=_key(root, file), media_type=media_type, digest=digest)


def _json(root: Path, path: Path, *, geojson: bool = False) -> _File:
    return _File(
        path=path,
        key=_key(root, path),
        media_type="application/geo+json" if geojson else "application/json",
    )


def _local(root: Path, source: Path, href: str) -> Path:
    parts = urlparse(href)
    if parts.scheme not in ("", "file") or not parts.path:
        raise InputError(f"{source}: {href!r} is no file beside it: only a catalogue of files is published")
    path = Path(os.path.normpath(source.parent / unquote(parts.path)))
    if not path.absolute().is_relative_to(root.absolute()):
        raise InputError(f"{source}: {href!r} lies outside {root}")
    return path


def _key(root: Path, path: Path) -> str:
    return path.absolute().relative_to(root.absolute()).as_posix()


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise InputError(f"{path} is no STAC document")
    return document
