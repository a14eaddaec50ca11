"""Validation of STAC documents against their JSON Schemas, without a network.

Core schemas come with ``pystac``; those of the extensions Comity writes are in ``data/schemas`` (see the
note there). A document that declares any other extension cannot be checked here and is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError, best_match
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable

from comity.core import InputError

STAC_VERSION = "1.1.0"
_CORE = "https://schemas.stacspec.org/v{version}/{kind}-spec/json-schema/{kind}.json"
_EXTENSION = "https://stac-extensions.github.io/{name}/{version}/schema.json"
#: Extension → version whose schema is at hand.
EXTENSIONS = {
    "eo": "v1.1.0",
    "file": "v2.1.0",
    "processing": "v1.0.0",
    "projection": "v2.0.0",
    "raster": "v1.1.0",
    "sat": "v1.0.0",
    "view": "v1.0.0",
}
_KINDS = {"Feature": "item", "Collection": "collection", "Catalog": "catalog"}


def extension_uri(name: str) -> str:
    """The identifier of an extension as it stands in ``stac_extensions``."""
    return _EXTENSION.format(name=name, version=EXTENSIONS[name])


def validate_item(item: Mapping[str, Any]) -> None:
    """Check an Item against STAC 1.1 and every extension it declares; offline.

    Raises :class:`InputError` naming the place and the fault.
    """
    if item.get("type") != "Feature":
        raise InputError(f"type is {item.get('type')!r}: a STAC Item is a 'Feature'")
    validate(item)


def validate(document: Mapping[str, Any]) -> None:
    """Check an Item, Collection or Catalog and every extension it declares; offline.

    Raises :class:`InputError` naming the document, the schema, the place and the fault.
    """
    kind = _KINDS.get(str(document.get("type")))
    if kind is None:
        raise InputError(f"type is {document.get('type')!r}: expected {', '.join(_KINDS)}")
    name = f"STAC {kind} {document.get('id')!r}"
    if document.get("stac_version") != STAC_VERSION:
        raise InputError(
            f"{name}: stac_version is {document.get('stac_version')!r}, expected {STAC_VERSION!r}"
        )
    _check(document, _CORE.format(version=STAC_VERSION, kind=kind), name)
    for uri in document.get("stac_extensions", ()):
        if uri not in _schemas():
            known = ", ".join(f"{ext} {version}" for ext, version in EXTENSIONS.items())
            raise InputError(f"{name}: no schema at hand for extension {uri} (there are: {known})")
        _check(document, uri, name)


def _check(document: Mapping[str, Any], uri: str, name: str) -> None:
    try:
        faults: list[ValidationError] = list(_validator(uri).iter_errors(document))
    except Unresolvable as error:
        raise InputError(f"{name}: {uri} needs a schema that is not at hand: {error}") from error
    if faults:
        worst = best_match(faults)
        place = "/".join(str(step) for step in worst.absolute_path) or "the document itself"
        raise InputError(f"{name} breaks {uri} at {place}: {worst.message[:300]}")


@cache
def _schemas() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = dict(get_local_schema_cache())
    stored = resources.files("comity.imagery") / "data" / "schemas"
    for name, version in EXTENSIONS.items():
        text = (stored / f"{name}-{version}.json").read_text(encoding="utf-8")
        found[_EXTENSION.format(name=name, version=version)] = json.loads(text)
    return found


@cache
def _validator(uri: str) -> Draft7Validator:
    registry: Registry[Any] = Registry().with_resources(
        [(key, Resource.from_contents(schema)) for key, schema in _schemas().items()]
    )
    return Draft7Validator(_schemas()[uri], registry=registry, format_checker=Draft7Validator.FORMAT_CHECKER)
