"""Products, what can be filtered by and what an order may say."""

from __future__ import annotations

from typing import Any

from comity.server.conformance.findings import NotSoError
from comity.server.conformance.probe import Probe, only, pages, unique, with_limit
from comity.server.conformance.values import (
    has_link,
    link_of,
    links_of,
    need,
    need_value,
    objects,
    schema,
)
from comity.server.conformance.wire import document, media_type

_GEOMETRY = "geojson.org/schema/"
_ROLES = ("licensor", "producer", "processor", "host", "reseller")


def check_products(probe: Probe) -> None:
    """Fill ``probe.product``, ``queryables`` and ``order_parameters``."""
    rule, ask = probe.rules("products"), probe.ask
    found: list[dict[str, Any]] = []
    href = ""
    with rule("GET /products has products and links"):
        href = link_of(probe.landing, "products", "the landing page")["href"]
        page = ask.json("GET", href)
        found = objects(page, "products", "/products")
        links_of(page, "/products")
        if not found:
            raise NotSoError("there is no product: nothing else can be asked")
    if not found:
        return
    with rule("every product has the fields that are required"):
        for each in found:
            _fields(each)
    with rule("every product is of version 0.1.0"):
        for each in found:
            need_value(each, f"product {each.get('id')!r}", stapi_version="0.1.0")
    with rule("no product comes twice"):
        unique([each.get("id") for each in found], "/products")
    with rule("providers have a name, and roles that the specification knows"):
        for each in found:
            for provider in objects({"providers": [], **each}, "providers", f"product {each.get('id')!r}"):
                need(provider, "a provider", name=str)
                if set(provider.get("roles", [])) - set(_ROLES):
                    raise NotSoError(f"provider {provider['name']!r} has roles {provider['roles']}")
    with rule("there is a product to ask about"):
        probe.product = _chosen(probe, found)
    if probe.product:
        _check_one(probe, href)
    with rule("a product that is not there answers 404"):
        ask.ask("GET", f"{href.split('?')[0].rstrip('/')}/no-such-product-7c1", status=(404,))
    with rule("pages of one product each hold every product once", recommended=True):
        ids = [each.get("id") for some in pages(ask, href, "products", 1) for each in some]
        unique(ids, "the pages")
        missed = [each["id"] for each in found if each["id"] not in ids]
        if missed:
            raise NotSoError(f"no page held {missed[0]!r}")
    with rule("limit=0 and limit=-1 are refused (4xx)", recommended=True):
        for limit in (0, -1):
            ask.ask("GET", with_limit(href, limit), status=(400, 422))


def _fields(each: dict[str, Any]) -> None:
    name = f"product {each.get('id')!r}"
    need(each, name, id=str, description=str, license=str, links=list, stapi_type=str, stapi_version=str)
    need_value(each, name, type="Collection", stapi_type="Product")
    links_of(each, name)


def _chosen(probe: Probe, found: list[dict[str, Any]]) -> dict[str, Any]:
    """The product that the rest is asked of."""
    wanted = probe.asked.product
    if wanted is not None:
        found = [each for each in found if each.get("id") == wanted]
        if not found:
            raise NotSoError(f"the first page has no product {wanted!r}")
    able = [each for each in found if has_link(each, "opportunities")]
    return [*able, *found][0]


def _check_one(probe: Probe, href: str) -> None:
    rule, ask, product, name = probe.rules("products"), probe.ask, probe.product, probe.name
    with rule("GET /products/{productId} is the product of the list"):
        address = f"{href.split('?')[0].rstrip('/')}/{product['id']}"
        alone = ask.json("GET", address)
        _fields(alone)
        need_value(alone, name, id=product["id"])
    with rule("a product links to itself", recommended=True):
        need_value(probe.follow(product, "self", name), name, id=product["id"])
    with rule("a product declares a class of geometry"):
        need(product, name, conformsTo=list)
        probe.classes = [str(each) for each in product["conformsTo"]]
        if not any(_GEOMETRY in each for each in probe.classes):
            raise NotSoError(f"{name} conforms to {probe.classes}")
    for rel in ("queryables", "order-parameters"):
        with rule(f"{rel} is a JSON Schema that is not empty"):
            answer = ask.ask("GET", link_of(product, rel, name)["href"])
            content = document(answer)
            schema(content, rel)
            if rel == "queryables":
                probe.queryables = content
            else:
                probe.order_parameters = content
        with rule(f"{rel} names its draft ($schema) and is JSON by its media type", recommended=True):
            only(probe.queryables if rel == "queryables" else probe.order_parameters, "it could not be read")
            if "$schema" not in content:
                raise NotSoError("there is no $schema")
            if not media_type(answer).endswith("json"):
                raise NotSoError(f"it is {media_type(answer)!r}")
    with rule("a product links to its conformance, which says what conformsTo says"):
        said = probe.follow(product, "conformance", name)
        need(said, "its conformance", conformsTo=list)
        more = [str(each) for each in said["conformsTo"] if str(each) not in probe.classes]
        less = [each for each in probe.classes if each not in said["conformsTo"]]
        probe.classes += more
        if more or less:
            raise NotSoError(f"only there: {more}; only in the product's conformsTo: {less}")
    with rule("a link opportunities is there where a class of opportunities is declared, and only there"):
        declared = any(_searchable(each) for each in probe.classes)
        linked = has_link(product, "opportunities")
        if declared != linked:
            raise NotSoError("there is a link and no class" if linked else "there is a class and no link")


def _searchable(each: str) -> bool:
    return each.endswith(("/opportunities", "/opportunities-async", "/async-opportunities"))
