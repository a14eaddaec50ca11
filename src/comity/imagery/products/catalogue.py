"""A static STAC catalogue over Items that are on disk."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from comity.core import InputError, write_whole
from comity.imagery.products.files import file_name, folder, json_bytes
from comity.imagery.products.product import ItemFiles
from comity.imagery.products.schemas import STAC_VERSION, validate, validate_item

Json = dict[str, Any]
_JSON = "application/json"
_GEOJSON = "application/geo+json"


def write_catalogue(
    out_dir: Path,
    items: Iterable[ItemFiles | Path],
    *,
    title: str,
    description: str | None = None,
    id: str = "comity",
    collection_titles: Mapping[str, str] | None = None,
) -> Path:
    """Write ``catalog.json`` over a collection per order, with relative links.

    Items stay where they are; each gets its links and, in ``out_dir/COLLECTION/collection.json``, a
    collection that describes them. The catalogue itself is written last, every file whole or not at
    all, and only where it changed; the same items give the same bytes. Returns the path of
    ``catalog.json``.

    ``items``: as :func:`make_item` returned them, or the paths of their JSON. ``collection_titles``:
    titles by order. Raises :class:`InputError` for an Item that is missing
    or invalid, two Items of one id, or a folder that cannot be written.
    """
    root = folder(Path(out_dir))
    titles = collection_titles or {}
    groups: dict[str, list[tuple[Json, Path]]] = defaultdict(list)
    seen: set[str] = set()
    for files in items:
        path = files.item if isinstance(files, ItemFiles) else Path(files)
        document = _read(path)
        if document["id"] in seen:
            raise InputError(f"item {document['id']} is listed twice")
        seen.add(document["id"])
        groups[_order(document, path)].append((document, path))
    every = [document for members in groups.values() for document, _ in members]
    children = []
    for name in sorted(groups):
        members = sorted(groups[name], key=lambda pair: (pair[0]["properties"]["datetime"], pair[0]["id"]))
        home = folder(root / file_name(name)) / "collection.json"
        shown = titles.get(name, name)
        for document, path in members:
            links = [
                _link("root", root / "catalog.json", path, title=title),
                _link("parent", home, path, title=shown),
                _link("collection", home, path, title=shown),
                *(link for link in document["links"] if link["rel"] not in ("root", "parent", "collection")),
            ]
            if (document.get("collection"), document["links"]) == (name, links):
                continue  # as an earlier call left it, valid
            document["collection"], document["links"] = name, links
            validate_item(document)
            _write(path, document)
        _write(home, _collection(name, shown, members, home, root / "catalog.json", title))
        children.append((shown, home))
    catalog: Json = {
        "type": "Catalog",
        "id": id,
        "stac_version": STAC_VERSION,
        "title": title,
        "description": description or f"{title}. {_how_made(every)}",
        "links": [
            {"rel": "root", "href": "./catalog.json", "type": _JSON, "title": title},
            *(_link("child", path, root / "catalog.json", title=shown) for shown, path in children),
        ],
    }
    validate(catalog)
    _write(root / "catalog.json", catalog)
    return root / "catalog.json"


def _read(path: Path) -> Json:
    try:
        document: Json = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"item {path} is missing: make it again") from error
    except ValueError as error:
        raise InputError(f"item {path} is not JSON: {error}") from error
    return document


def _order(document: Json, path: Path) -> str:
    order = document["properties"].get("comity:order")
    if not isinstance(order, str) or not order:
        raise InputError(f"item {path} has no comity:order: it was not made by Comity")
    return order


def _write(path: Path, document: Json) -> None:
    content = json_bytes(document)
    if not (path.is_file() and path.read_bytes() == content):
        write_whole(path, content)


def _link(rel: str, target: Path, source: Path, title: str | None = None) -> Json:
    href = Path(os.path.relpath(target, source.parent)).as_posix()
    link = {"rel": rel, "href": href if href.startswith(".") else f"./{href}"}
    link["type"] = _GEOJSON if rel == "item" else _JSON
    return {**link, "title": title} if title else link


def _collection(
    name: str, title: str, members: list[tuple[Json, Path]], path: Path, root: Path, root_title: str
) -> Json:
    properties = [document["properties"] for document, _ in members]
    providers: dict[str, list[str]] = {}
    for one in properties:
        for provider in one.get("providers", ()):
            roles = providers.setdefault(provider["name"], [])
            roles.extend(role for role in provider.get("roles", ()) if role not in roles)
    sizes = [one["gsd"] for one in properties]
    native = [one["comity:native_gsd_m"] for one in properties]
    simulated = [one["comity:simulated"] is True for one in properties]
    collection: Json = {
        "type": "Collection",
        "id": name,
        "stac_version": STAC_VERSION,
        "title": title,
        "description": f"{title}: {len(members)} {'simulated ' if all(simulated) else ''}image(s).",
        "keywords": [*(["simulated"] if any(simulated) else []), "Earth observation"],
        "license": "other",
        "providers": [{"name": key, "roles": roles} for key, roles in sorted(providers.items())],
        "extent": {
            "spatial": {"bbox": _extents([document["bbox"] for document, _ in members])},
            "temporal": {
                "interval": [
                    [
                        min(one["start_datetime"] for one in properties),
                        max(one["end_datetime"] for one in properties),
                    ]
                ]
            },
        },
        "summaries": {
            **_named(
                platform={one["platform"] for one in properties if "platform" in one},
                instruments={name for one in properties for name in one.get("instruments", ())},
            ),
            "gsd": {"minimum": min(sizes), "maximum": max(sizes)},
            "comity:native_gsd_m": {"minimum": min(native), "maximum": max(native)},
            "comity:simulated": sorted(set(simulated)),
        },
        "links": [
            _link("root", root, path, title=root_title),
            _link("parent", root, path, title=root_title),
            *(
                _link("item", where, path, title=document["properties"]["title"])
                for document, where in members
            ),
        ],
    }
    validate(collection)
    return collection


def _named(**names: set[str]) -> Json:
    """Summaries of names, without those that nothing has: STAC wants none empty."""
    return {key: sorted(found) for key, found in names.items() if found}


def _how_made(documents: list[Json]) -> str:
    simulated = sum(document["properties"]["comity:simulated"] is True for document in documents)
    if simulated == len(documents):
        return "Every image in it is simulated."
    return (
        f"{simulated} of its {len(documents)} images are simulated." if simulated else "Images as acquired."
    )


def _extents(boxes: list[list[float]]) -> list[list[float]]:
    """One box around all; where any crosses the antimeridian, all longitudes."""
    south, north = min(box[1] for box in boxes), max(box[3] for box in boxes)
    if any(box[0] > box[2] for box in boxes):
        return [[-180.0, south, 180.0, north]]
    return [[min(box[0] for box in boxes), south, max(box[2] for box in boxes), north]]
