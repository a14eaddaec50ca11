"""The suite: landing page, products, opportunities at once and later, orders."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from comity.core import Epoch
from comity.server.conformance.findings import NotSoError, Report, SkippedError
from comity.server.conformance.wire import Asker, document, link_of, links_of, need, need_value

_STATUSES = (
    "received", "accepted", "rejected", "completed", "cancelled", "failed", "expired",
    "scheduled", "held", "processing", "reserved", "tasked", "user_cancelled",
)  # fmt: skip
_SEARCH_STATUSES = ("received", "in_progress", "failed", "cancelled", "completed")
_GEOMETRY = "geojson.org/schema/"
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the suite asks with.

    ``product``: None takes the first that offers opportunities. ``now``: where the intervals begin.
    ``order``: place an order, which binds; nothing is ordered otherwise. ``wait_s``: for a search.
    """

    lon: float = 43.145
    lat: float = 11.588
    days: float = 7.0
    now: Epoch
    product: str | None = None
    order: bool = False
    wait_s: float = 60.0

    def body(self, datetime: str | None = None) -> dict[str, Any]:
        """A search."""
        end = self.now + self.days * _DAY_S
        geometry = {"type": "Point", "coordinates": [self.lon, self.lat]}
        return {"datetime": datetime or f"{self.now.iso(0)}/{end.iso(0)}", "geometry": geometry}


def check_server(client: httpx.Client, url: str, asked: Asked) -> Report:
    """Ask the STAPI server whose landing page is at ``url``; every requirement is one finding."""
    report = Report(url=url)
    suite = _Suite(Asker(client, url), asked, report)
    suite.core()
    if suite.landing:
        suite.products()
        suite.opportunities()
        suite.later()
        suite.orders()
    return report


class _Suite:
    def __init__(self, asker: Asker, asked: Asked, report: Report) -> None:
        self._ask = asker
        self._asked = asked
        self._report = report
        self.landing: dict[str, Any] = {}
        self._product: dict[str, Any] = {}

    def core(self) -> None:
        """Landing page and conformance."""
        rule, ask = self._report.requirement, self._ask
        with rule("core", "GET / is a landing page with id, description, conformsTo and links"):
            found = ask.json("GET", ask.base)
            need(found, "the landing page", id=str, description=str, conformsTo=list, links=list)
            links_of(found, "the landing page")
            self.landing = found
        if not self.landing:
            return
        with rule("core", "the landing page declares the class core of 0.1.0"):
            if not self._declares(self.landing, "/v0.1.0/core"):
                raise NotSoError(f"conformsTo has {self.landing['conformsTo']}")
        for rel in ("conformance", "products", "orders"):
            with rule("core", f"the landing page links to {rel}"):
                link_of(self.landing, rel, "the landing page")
        for rel in ("service-desc", "service-doc"):
            with rule("core", f"the landing page links to {rel}", recommended=True):
                href = link_of(self.landing, rel, "the landing page")["href"]
                ask.ask("GET", href)
        with rule("core", "GET /conformance says the same as the landing page"):
            found = ask.json("GET", link_of(self.landing, "conformance", "the landing page")["href"])
            need(found, "/conformance", conformsTo=list)
            if set(found["conformsTo"]) != set(self.landing["conformsTo"]):
                raise NotSoError(f"{found['conformsTo']} against {self.landing['conformsTo']}")

    def products(self) -> None:
        """Products, what can be filtered by and what an order may say."""
        rule, ask = self._report.requirement, self._ask
        found: list[dict[str, Any]] = []
        with rule("products", "GET /products has products and links"):
            href = link_of(self.landing, "products", "the landing page")["href"]
            page = ask.json("GET", href)
            need(page, "/products", products=list, links=list)
            found = page["products"]
            if not found:
                raise NotSoError("there is no product: nothing else can be asked")
        with rule("products", "every product has the fields that are required"):
            for each in found:
                name = f"product {each.get('id')!r}"
                need(each, name, id=str, description=str, license=str, links=list, stapi_version=str)
                need_value(each, name, type="Collection", stapi_type="Product")
        self._product = self._chosen(found)
        if not self._product:
            return
        name, product = f"product {self._product['id']!r}", self._product
        with rule("products", "a product declares a class of geometry"):
            if not any(_GEOMETRY in c for c in self._classes()):
                raise NotSoError(f"{name} conforms to {self._classes()}")
        for rel in ("queryables", "order-parameters"):
            with rule("products", f"{rel} is a JSON Schema that is not empty"):
                schema = ask.json("GET", link_of(product, rel, name)["href"])
                if not any(schema.get(k) for k in ("properties", "$ref", "allOf", "anyOf", "oneOf")):
                    raise NotSoError(f"{rel} of {name} is {str(schema)[:120]}")
        with rule("products", "a product links to its conformance, which says what conformsTo says"):
            said = ask.json("GET", link_of(product, "conformance", name)["href"])
            need(said, "its conformance", conformsTo=list)
            if set(said["conformsTo"]) != set(product.get("conformsTo", [])):
                raise NotSoError(f"{said['conformsTo']} against {product.get('conformsTo')}")
        with rule("products", "a product that is not there answers 404"):
            ask.ask("GET", f"{href.split('?')[0].rstrip('/')}/no-such-product-7c1", status=(404,))
        with rule("products", "pages of one product each hold every product once", recommended=True):
            ids = self._walk(href, "products")
            if sorted(ids) != sorted(set(ids)) or not {p["id"] for p in found} <= set(ids):
                raise NotSoError(f"the pages held {ids}")

    def opportunities(self) -> None:
        """Searches that are answered at once."""
        rule, ask, asked = self._report.requirement, self._ask, self._asked
        href = self._search_address()
        offered = href is not None and any(c.endswith("/opportunities") for c in self._classes())
        page: dict[str, Any] = {}
        with rule("opportunities", "a search is answered by a FeatureCollection of opportunities"):
            self._only(offered, "no product declares opportunities")
            answer = ask.ask("POST", href or "", json=asked.body(), headers={"Prefer": "wait"})
            page = document(answer)
            need(page, "the answer", features=list, links=list)
            need_value(page, "the answer", type="FeatureCollection")
        with rule("opportunities", "every opportunity has the fields that are required"):
            self._only(bool(page), "there is no answer")
            for each in page["features"]:
                name = f"opportunity {each.get('id')!r}"
                need(each, name, properties=dict, stapi_version=str)
                need_value(each, name, type="Feature", stapi_type="Opportunity")
                if "geometry" not in each or (each["geometry"] is not None and "bbox" not in each):
                    raise NotSoError(f"{name} needs a geometry and, with it, a bbox")
                need(each["properties"], name, datetime=str, product_id=str)
                need_value(each["properties"], name, product_id=self._product["id"])
        with rule("opportunities", "every opportunity is in the interval that was asked for"):
            self._only(bool(page.get("features")), "nothing was found")
            for each in page["features"]:
                self._in_time(each["properties"]["datetime"])
        with rule("opportunities", "create-order is on the collection or on every opportunity, with a body"):
            self._only(bool(page), "there is no answer")
            self._orderable(page)
        with rule("opportunities", "Preference-Applied says how the preference was taken"):
            self._only(bool(page), "there is no answer")
            if "preference-applied" not in answer.headers:
                raise NotSoError("the header is missing")
        for open_end in (f"{asked.now.iso(0)}/..", f"/{(asked.now + asked.days * _DAY_S).iso(0)}"):
            with rule("opportunities", f"an interval open at one end is taken: {open_end}"):
                self._only(offered, "no product declares opportunities")
                ask.ask("POST", href or "", json=asked.body(open_end), headers={"Prefer": "wait"})
        for wrong in ("../..", "yesterday"):
            with rule("opportunities", f"the interval {wrong!r} is refused (4xx)"):
                self._only(offered, "no product declares opportunities")
                ask.ask("POST", href or "", json=asked.body(wrong), status=(400, 422))
        with rule("opportunities", "a filter on what is no queryable is refused (4xx)", recommended=True):
            self._only(offered, "no product declares opportunities")
            odd = {"op": "=", "args": [{"property": "no_such_queryable_7c1"}, 1]}
            ask.ask("POST", href or "", json={**asked.body(), "filter": odd}, status=(400, 422))

    def later(self) -> None:
        """Searches that are answered later."""
        rule, ask, asked = self._report.requirement, self._ask, self._asked
        href = self._search_address()
        offered = href is not None and any("async" in c for c in self._classes())
        record: dict[str, Any] = {}
        where = ""
        with rule("later", "Prefer: respond-async is answered 201 with Location and a search record"):
            self._only(offered, "no product declares asynchronous opportunities")
            prefer = {"Prefer": "respond-async"}
            answer = ask.ask("POST", href or "", json=asked.body(), headers=prefer, status=(201,))
            record, where = document(answer), answer.headers.get("location", "")
            if not where:
                raise NotSoError("the header Location is missing")
        with rule("later", "a search record has id, product_id, request, status and a link to itself"):
            self._only(bool(record), "there is no record")
            need(record, "the record", id=str, product_id=str, request=dict, status=dict)
            link_of(record, "self", "the record")
        with rule("later", "the search comes to an end, with a link to its opportunities when completed"):
            self._only(bool(record), "there is no record")
            record = self._ended(where)
            found = ask.json("GET", link_of(record, "opportunities", "the completed record")["href"])
            need(found, "what was found", id=str, features=list)
        with rule("later", "monitor gives the search's history"):
            known = self._declares(self.landing, "/searches-opportunity-statuses")
            self._only(bool(record) and known, "the class searches-opportunity-statuses is not declared")
            history = ask.json("GET", link_of(record, "monitor", "the record")["href"])
            need(history, "the history", statuses=list, links=list)
            self._statuses(history["statuses"], _SEARCH_STATUSES)
        with rule("later", "the landing page links to search-records, which can be read"):
            self._only(self._declares(self.landing, "/searches-opportunity"), "the class is not declared")
            need(ask.json("GET", link_of(self.landing, "search-records", "it")["href"]), "it", links=list)

    def orders(self) -> None:
        """Orders: listed, and placed where that is allowed."""
        rule, ask, asked = self._report.requirement, self._ask, self._asked
        href = link_of(self.landing, "orders", "it")["href"] if self._has(self.landing, "orders") else ""
        with rule("orders", "GET /orders is a FeatureCollection with features (OpenAPI)"):
            self._only(bool(href), "the landing page has no link to orders")
            page = ask.json("GET", href)
            need(page, "/orders", features=list, links=list)
        with rule("orders", "GET /orders has orders (the specification's text)", recommended=True):
            self._only(bool(href), "the landing page has no link to orders")
            need(ask.json("GET", href), "/orders", orders=list)
        with rule("orders", "an order that is not there answers 404"):
            self._only(bool(href), "the landing page has no link to orders")
            ask.ask("GET", f"{href.split('?')[0].rstrip('/')}/no-such-order-7c1", status=(404,))
        order: dict[str, Any] = {}
        with rule("orders", "create-order is answered 201 with Location, where the order can be read"):
            self._only(asked.order, "ordering binds: allow it with --order")
            create = link_of(self._product, "create-order", "the product")["href"]
            body = {**asked.body(), "order_parameters": {}}
            answer = ask.ask("POST", create, json=body, status=(201,))
            where = answer.headers.get("location", "")
            if not where:
                raise NotSoError("the header Location is missing")
            order = ask.json("GET", where)
        with rule("orders", "an order has the fields that are required"):
            self._only(bool(order), "nothing was ordered")
            need(order, "the order", id=str, stapi_version=str, properties=dict, geometry=dict)
            need_value(order, "the order", type="Feature", stapi_type="Order")
            need(order["properties"], "its properties", product_id=str, created=str, status=dict)
            self._statuses([order["properties"]["status"]], _STATUSES)
        with rule(
            "orders", "an order has product_id, status and request at its top (the text)", recommended=True
        ):
            self._only(bool(order), "nothing was ordered")
            need(order, "the order", product_id=str, status=dict, request=dict)
        with rule("orders", "monitor gives the order's history"):
            self._only(bool(order), "nothing was ordered")
            self._only(self._declares(self.landing, "/order-statuses"), "the class is not declared")
            history = ask.json("GET", link_of(order, "monitor", "the order")["href"])
            need(history, "the history", statuses=list, links=list)
            self._statuses(history["statuses"], _STATUSES)

    # -- what several checks need ---------------------------------------------------------------------------

    @staticmethod
    def _only(holds: bool, why: str) -> None:
        if not holds:
            raise SkippedError(why)

    @staticmethod
    def _declares(content: Mapping[str, Any], ending: str) -> bool:
        return any(str(each).endswith(ending) for each in content.get("conformsTo", []))

    @staticmethod
    def _has(content: Mapping[str, Any], rel: str) -> bool:
        return any(each.get("rel") == rel for each in content.get("links", []))

    def _classes(self) -> list[str]:
        return [str(each) for each in self._product.get("conformsTo", [])]

    def _chosen(self, found: list[dict[str, Any]]) -> dict[str, Any]:
        """The product that the rest is asked of."""
        if self._asked.product is not None:
            found = [each for each in found if each.get("id") == self._asked.product]
        able = [each for each in found if self._has(each, "opportunities")]
        return next(iter([*able, *found]), {})

    def _search_address(self) -> str | None:
        for each in self._product.get("links", []):
            if each.get("rel") == "opportunities":
                return str(each["href"])
        return None

    def _walk(self, href: str, name: str) -> list[str]:
        """Identifiers over all pages of one entry each."""
        ids: list[str] = []
        step: str | None = f"{href}{'&' if '?' in href else '?'}limit=1"
        for _ in range(200):
            if step is None:
                return ids
            page = self._ask.json("GET", step)
            if len(page[name]) > 1:
                raise NotSoError(f"limit=1 gave {len(page[name])}")
            ids += [each["id"] for each in page[name]]
            step = link_of(page, "next", "the page")["href"] if self._has(page, "next") else None
        raise NotSoError("the pages do not end")

    def _in_time(self, text: str) -> None:
        start, _, end = text.partition("/")
        last = self._asked.now + self._asked.days * _DAY_S
        if (end and Epoch.from_iso(end) < self._asked.now) or Epoch.from_iso(start) > last:
            raise NotSoError(f"{text} is outside {self._asked.body()['datetime']}")

    def _orderable(self, page: Mapping[str, Any]) -> None:
        if not self._has(page, "create-order"):
            for each in page["features"]:
                if not self._has(each, "create-order"):
                    raise NotSoError("neither the collection nor every opportunity has it")
        for holder in (page, *page["features"]):
            for each in holder.get("links", []):
                if each["rel"] == "create-order" and not (each.get("method") == "POST" and "body" in each):
                    raise NotSoError("a create-order link needs method POST and a body")

    def _ended(self, where: str) -> dict[str, Any]:
        deadline = time.monotonic() + self._asked.wait_s
        while True:
            record = self._ask.json("GET", where)
            need(record, "the record", status=dict)
            code = record["status"].get("status_code")
            if code == "completed":
                return record
            if code in ("failed", "cancelled") or time.monotonic() > deadline:
                raise NotSoError(f"it is {code}: {record['status'].get('reason_text', '')}")
            time.sleep(0.25)

    @staticmethod
    def _statuses(statuses: list[Any], known: tuple[str, ...]) -> None:
        if not statuses:
            raise NotSoError("there is no status")
        for each in statuses:
            need(each, "a status", timestamp=str, status_code=str, links=list)
            if each["status_code"] not in known:
                raise NotSoError(f"{each['status_code']!r} is no status code of the specification")
