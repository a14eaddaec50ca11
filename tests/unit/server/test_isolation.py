"""Tenants × endpoints × records: nothing of another tenant can be read or changed, nothing open by mistake.

Made from the application's own description: an endpoint with a parameter or a body that is not spoken for
here fails, and so does a table in which no victim has a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from unit.server.conftest import CALLERS
from unit.server.world import CUSTOMERS_MARK, LAT, LON, NOW, PARTNERS_MARK, World, made_world

#: Operations that need no token.
PUBLIC = re.compile(
    r"GET (/|/docs|/healthz|/readyz|/\.well-known/.*|/stapi|/stapi/conformance|/stapi/api\.html|"
    r"/(stac|archive)(|/conformance|/api|/api\.html|/queryables))|POST /auth/token"
)
#: What a parameter of a path names: a kind of record (World), or a value that is everybody's.
RECORDS = {
    "order_id": "order",
    "quote_id": "quote",
    "search_id": "search",
    "credential_id": "credential",
    "withheld_id": "withheld",
    "job_id": "job",
    "webhook_id": "webhook",
    "bucket_id": "bucket",
    "saved_id": "saved",
    "item_id": "record",
}
VALUES = {"product_id": "hr-scene", "collection_id": "hr-scene", "plan_id": "plan-0001", "key": "image",
          "z": "0", "x": "0", "y": "0", "name": "plan"}  # fmt: skip
#: Where a name means something else: part of the path → parameter → kind.
ELSEWHERE = {
    "/stac/": {"item_id": "item"},
    "/archive/": {"item_id": "item"},
    "/stapi/products/{product_id}/opportunities/": {"collection_id": "search"},
}
SPAN = f"{NOW.iso()}/{(NOW + 86_400).iso()}"
POINT = {"type": "Point", "coordinates": [12.0, 41.0]}
WISH = {"datetime": SPAN, "geometry": POINT}
#: A body for each operation that takes one; ``{kind}`` stands for the id of a victim's record.
BODIES: dict[str, list[Any]] = {
    "POST /auth/credentials": [{"tenant": "dj-environment"}, {"tenant": "cnsa"}, {"tenant": "operator"}],
    "POST /stapi/products/{product_id}/opportunities": [WISH],
    "POST /stapi/searches/opportunities/{search_id}/cancel": [{}],
    "POST /stapi/products/{product_id}/orders": [{**WISH, "order_parameters": {"quote": "{quote}"}}],
    "POST /stapi/products/{product_id}/quotes": [WISH],
    "POST /stapi/orders/{order_id}/cancel": [{}],
    "POST /stac/search": [{}, {"ids": ["{item}"]}, {"limit": 1000, "collections": ["hr-scene"]}],
    "POST /stac/saved-searches": [{"search": {}, "over": ["nothing"]}],
    "POST /archive/search": [{}, {"ids": ["{item}"]}],
    "POST /archive/collections/{collection_id}/items/{item_id}/quotes": [{}],
    "POST /archive/collections/{collection_id}/items/{item_id}/orders": [{}],
    "PUT /operator/programme": [{"text": "x"}],
    "POST /operator/plans": [{}],
    "POST /operator/plans/{plan_id}/approval": [{}],
    "POST /operator/plans/{plan_id}/veto": [{"activities": ["{activity}"], "reason": "r"}],
    "POST /operator/withheld": [{"kind": "spacecraft", "asset": "gaofen-1", "datetime": SPAN, "reason": "r"}],
    "POST /operator/executions": [{}],
    "POST /items/{item_id}/refuse": [{"reason": "r"}],
    "POST /jobs": [{"kind": "opportunities", "request": "{request}"}, {"kind": "plan"}],
    "POST /webhooks": [{"url": "ftp://x"}],
    "POST /buckets": [{"place": "x", "access_key_id": "a", "secret_access_key": "b"}],
}
#: Tables that no tenant's record is in.
OPERATORS = frozenset({"archive_lots", "archive_secrets", "programme_clock", "schedules"})
#: What a stranger makes for itself in asking: a priced wish, a booking of its own, a key.
OWN = frozenset({"requests", "asked", "opportunities", "quotes", "withheld", "events", "credentials"})
#: Parameters of text in which no id can stand.
NO_IDS = frozenset({"filter", "filter-lang", "filter-crs", "fields", "sortby", "bbox", "datetime", "bands",
                    "expression", "intersects"})  # fmt: skip
#: An id that nobody has.
NOBODYS = "nothing-9999"
#: Who has nothing to see of whose: (stranger, of the customer's, of the partner's).
STRANGERS = {
    "other_customer": (True, True),
    "other_partner": (True, True),
    "partner": (True, False),
    "customer": (False, True),
    "nobody": (True, True),
}


@pytest.fixture(scope="module")
def world(loaded_database, tmp_path_factory) -> Iterator[World]:
    with made_world(loaded_database, tmp_path_factory.mktemp("world"), CALLERS) as made:
        yield made


def operations(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, verbs in world.app.openapi()["paths"].items():
        for verb, operation in verbs.items():
            yield verb.upper(), path, operation


def kind_of(path: str, name: str) -> str | None:
    """The kind of record that a parameter names; None for a value that is everybody's."""
    for part, names in ELSEWHERE.items():
        if path.startswith(part) and name in names:
            return names[name]
    if name in RECORDS:
        return RECORDS[name]
    assert name in VALUES, f"{path}: say in RECORDS or VALUES what {{{name}}} names, and give a victim one"
    return None


def hidden(world: World, stranger: str) -> tuple[dict[str, list[str]], list[str]]:
    """The victims' records that a stranger must not know, and what would betray them."""
    of_customer, of_partner = STRANGERS[stranger]
    ids: dict[str, list[str]] = {}
    marks: list[str] = []
    for wanted, records, told in (
        (of_customer, world.customers, [CUSTOMERS_MARK, CUSTOMERS_MARK.lower(), str(LON), str(LAT)]),
        (of_partner, world.partners, [PARTNERS_MARK, "98765.43"]),
    ):
        if wanted:
            marks += told
            for kind, names in records.items():
                ids.setdefault(kind, []).extend(names)
    with world.operator.store.begin() as work:
        mine = CALLERS.get(stranger, ("", ""))[0]
        programme = world.operator.programme
        ids["activity"] = [
            a.id
            for a in work.activities.all()
            if programme.craft(a.spacecraft).owner != mine
            and (a.station is None or programme.station(a.station).owner != mine)
        ][:1] or ["none"]
    return ids, marks


def filled(value: Any, id: str, kind: str) -> Any:
    """A body with the id in its place."""
    if isinstance(value, dict):
        return {name: filled(each, id, kind) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, id, kind) for each in value]
    return value.replace("{" + kind + "}", id) if isinstance(value, str) else value


def asks(
    verb: str, path: str, operation: dict[str, Any], ids: dict[str, list[str]]
) -> Iterator[tuple[str, str, Any]]:
    """Every way to ask with a record's id in the path, a query or the body: (id, address, body)."""
    needs_body = "requestBody" in operation
    label = f"{verb} {path}"
    assert not needs_body or label in BODIES or label == "POST /auth/token", (
        f"say in BODIES what {label} is sent"
    )
    names = re.findall(r"\{([^}:]*)[^}]*\}", path)
    kinds = {name: kind for name in names if (kind := kind_of(path, name)) is not None}
    plain = path
    for name in names:
        if name not in kinds:
            plain = re.sub(r"\{" + name + r"[^}]*\}", VALUES[name], plain)
    bodies = BODIES.get(label, [None if verb == "GET" else {}])
    for kind in dict.fromkeys(kinds.values()):
        for id in ids.get(kind, []):
            yield id, re.sub(r"\{[^}]*\}", id, plain), bodies[0]
    if kinds:
        return
    for body in bodies:
        told = re.findall(r"'\{(\w+)\}'", str(body))
        for kind in told:
            for id in ids.get(kind, []):
                yield id, plain, filled(body, id, kind)
        if not told:
            yield "", plain, body
    texts = [
        each["name"]
        for each in operation.get("parameters", [])
        if each["in"] == "query" and "string" in str(each["schema"]) and each["name"] not in NO_IDS
    ]
    if verb == "GET":
        for name in texts:
            for id in [ids[kind][0] for kind in ("order", "item", "job", "tenant") if kind in ids]:
                yield id, f"{plain}?{name}={id}", None


def plain_answer(answer: Any, id: str) -> tuple[int, str, str]:
    """An answer without what may differ: the id asked for, and the request's own."""
    text = re.sub(r"urn:uuid:[0-9a-f-]{36}", "", answer.content.decode("latin-1"))
    return answer.status_code, answer.headers.get("content-type", ""), text.replace(id, "ID") if id else text


def test_only_what_is_public_needs_no_token(world: World) -> None:
    opened = []
    for verb, path, _ in operations(world):
        if not PUBLIC.fullmatch(f"{verb} {path}"):
            answer = world.client.request(verb, re.sub(r"\{[^}]*\}", "x", path), json={})
            if answer.status_code != 401:
                opened.append((verb, path, answer.status_code))
    assert opened == []


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_stranger_reads_and_changes_nothing(world: World, stranger: str) -> None:
    """What is another's is answered as what nobody has, and the database is as before."""
    ids, marks = hidden(world, stranger)
    headers = world.tokens[stranger]
    before, credentials = world.state(), len(world.operator.credentials.of(None))
    asked, wrong = 0, []
    unknown: dict[str, tuple[int, str, str]] = {}
    for verb, path, operation in operations(world):
        for id, address, body in asks(verb, path, operation, ids):
            answer = world.client.request(verb, address, headers=headers, json=body)
            asked += 1
            status, _, text = found = plain_answer(answer, id)
            betrayed = [mark for mark in marks if mark in text]
            betrayed += (
                []
                if PUBLIC.fullmatch(f"{verb} {path}")
                else [
                    each
                    for kind, known in ids.items()
                    if kind not in ("activity", "tenant")
                    for each in known
                    if not each.startswith("c.") and each != id and each in text
                ]
            )
            if status >= 500 or betrayed:
                wrong.append((verb, address, status, betrayed, text[:300]))
            if not id:
                continue
            same = str((verb, address.replace(id, "ID"), filled_back(body, id, "ID")))
            if same not in unknown:
                again = world.client.request(
                    verb, address.replace(id, NOBODYS), headers=headers, json=filled_back(body, id, NOBODYS)
                )
                unknown[same] = plain_answer(again, NOBODYS)
            if found != unknown[same]:
                wrong.append((verb, address, found, unknown[same]))
    assert wrong == [], "\n".join(str(each) for each in wrong)
    assert asked > 100
    after = world.state()
    changed = [name for name, rows in before.items() if any(row not in after[name] for row in rows)]
    assert changed == [], "rows changed or went"
    added = {name for name, rows in before.items() if len(after[name]) > len(rows)}
    assert added <= OWN, "rows were added that are not the stranger's own"
    tenant = CALLERS.get(stranger, ("", ""))[0]
    assert {each.tenant for each in world.operator.credentials.of(None)[credentials:]} <= {tenant}


def filled_back(body: Any, id: str, other: str) -> Any:
    if isinstance(body, dict):
        return {name: filled_back(each, id, other) for name, each in body.items()}
    if isinstance(body, list):
        return [filled_back(each, id, other) for each in body]
    return other if body == id else body


@pytest.mark.parametrize("who", ["customer", "partner", "planner", "operator"])
def test_a_secret_is_told_once_and_never_again(world: World, who: str) -> None:
    """Not even to its owner or to the operator."""
    ids: dict[str, list[str]] = {}
    for records in (world.customers, world.partners):
        for kind, names in records.items():
            ids.setdefault(kind, []).extend(names)
    ids["job"] = [world.customers["job"][0], world.partners["job"][0]]  # ended: a watch of them ends
    for verb, path, operation in operations(world):
        if verb == "GET":
            for _, address, _ in asks(verb, path, operation, ids):
                text = world.client.get(address, headers=world.tokens[who]).content.decode("latin-1")
                assert not [secret for secret in world.secrets if secret in text], address
                assert '"d":' not in text and "secret_hash" not in text, address


def test_the_victims_themselves_see_their_records(world: World) -> None:
    """Else the tests above would pass on a server that shows nothing; and no table is without a record."""
    seen = {"customer": set(), "partner": set()}
    for who, records in (("customer", world.customers), ("partner", world.partners)):
        ids = {kind: names[:1] for kind, names in records.items()}
        for verb, path, operation in operations(world):
            if verb == "GET":
                for id, address, _ in asks(verb, path, operation, ids):
                    answer = world.client.get(address, headers=world.tokens[who])
                    if id and "?" not in address and answer.status_code == 200:
                        seen[who].add(next(kind for kind, names in ids.items() if id in names))
    assert seen["customer"] == {"order", "quote", "search", "webhook", "bucket", "job", "item", "saved"}
    assert seen["partner"] == {"webhook", "job"}
    assert PARTNERS_MARK in world.client.get("/operator/withheld", headers=world.tokens["partner"]).text
    statement = world.client.get("/operator/statements", headers=world.tokens["partner"]).text
    assert "98765.43" in statement
    empty = {name for name, rows in world.state().items() if not rows}
    assert empty - OPERATORS == set(), "give a victim a record of these in world.py"
