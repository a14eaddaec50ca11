"""Every endpoint × bad input: problem+json that names the field, never 500, nothing written.

Made from the application's own description, as the isolation test is: a new endpoint is asked too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from comity.fleet import Programme, programme_from_text
from unit.server.conftest import CALLERS
from unit.server.world import NOW, PROGRAMME, World, made_world

SPAN = f"{NOW.iso()}/{(NOW + 2 * 86_400).iso()}"
PLACE = {"type": "Point", "coordinates": [31.2, 30.0]}
HUGE = "9" * 400
#: For every parameter of a path and of a query.
TEXTS = ("../../etc/passwd", "' OR 1=1 --", "NaN", "-1", HUGE, "\U0001f4a9", "1/2/3", "x" * 3000, "%00")
#: For every field of a body, and for the body itself.
QUOTED = {"requests", "asked", "opportunities", "quotes"}
WRONG: tuple[Any, ...] = (None, True, -1, 1e300, "", "NaN", "x" * 20_000, [], [[]], {}, {"": {"": []}})


@pytest.fixture(scope="module")
def world(loaded_database, tmp_path_factory) -> Iterator[World]:
    with made_world(loaded_database, tmp_path_factory.mktemp("bad"), CALLERS) as made:
        yield made


def caller_for(world: World, operation: dict[str, Any]) -> dict[str, str]:
    """Somebody who may call it: a customer before the operator's people, so that most rules apply."""
    scopes = next((s for each in operation.get("security", []) for s in each.values()), [])
    for who in ("customer", "partner", "operator"):
        role = CALLERS[who][1]
        credential = world.operator.credentials.find(f"c.{who}")
        assert credential is not None and credential.role == role
        if set(scopes) <= set(credential.scopes):
            return world.tokens[who]
    raise AssertionError(f"nobody holds {scopes}")


def some(values: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    """Three of the values, others for another number: every value comes somewhere, none everywhere."""
    return tuple(values[(3 * number + k) % len(values)] for k in range(3))


def fault(answer: Any, bad: object) -> str | None:
    """What is wrong with the answer to something bad."""
    if answer.status_code >= 500:
        return f"{answer.status_code} to {str(bad)[:80]}"
    if answer.status_code < 400:
        return None
    if answer.headers["content-type"] != "application/problem+json":
        return f"{answer.status_code} is no problem+json to {str(bad)[:80]}"
    problem = answer.json()
    if len(answer.content) > 20_000 or not problem["detail"]:
        return f"{len(answer.content)} bytes to {str(bad)[:80]}"
    return None


def bodies(world: World, operation: dict[str, Any]) -> Iterator[Any]:
    """Bodies with one thing wrong each: the whole, and each of its fields."""
    yield from WRONG
    (content,) = operation["requestBody"]["content"].values()
    schema = content["schema"]
    names = re.findall(r"#/components/schemas/([\w]+)", json.dumps(schema))
    schemas = world.app.openapi()["components"]["schemas"]
    good = content.get("example") or {}
    fields = dict.fromkeys(f for name in names for f in schemas[name].get("properties", {}))
    for number, field in enumerate(fields):
        for value in some(WRONG, number):
            yield {**good, field: value}
    yield {**good, "no such field": 1}


def asked(
    world: World, path: str, verb: str, operation: dict[str, Any]
) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Every bad way to ask: (address, what is bad, what is sent)."""
    empty = {} if verb == "get" else {"json": {}}
    for name in re.findall(r"\{([^}:]*)[^}]*\}", path):
        for text in some(TEXTS, len(path)):
            filled = re.sub(r"\{" + name + r"[^}]*\}", text.replace("%", "%25"), path)
            yield re.sub(r"\{[^}]*\}", "hr-scene", filled), text, empty
    plain = re.sub(r"\{[^}]*\}", "hr-scene", path)
    for number, each in enumerate(operation.get("parameters", [])):
        if each["in"] == "query":
            for text in some(TEXTS, number):
                yield plain, (each["name"], text), {**empty, "params": {each["name"]: text}}
    if "requestBody" in operation and path != "/auth/token":
        for body in bodies(world, operation):
            yield plain, body, {"json": body}
        for raw in (b"{", b"[" * 5000, b'{"a":' * 3000, b"\xff", b'{"a": NaN}', b'{"a": 1e999}'):
            yield plain, raw, {"content": raw, "headers": {"Content-Type": "Application/JSON"}}


def test_bad_input_to_every_endpoint_is_refused_and_writes_nothing(world: World) -> None:
    faults: list[tuple[str, str]] = []
    for path, verbs in world.app.openapi()["paths"].items():
        for verb, operation in verbs.items():
            headers = caller_for(world, operation)
            before, statuses = world.state() if verb != "get" else {}, set()
            for address, bad, sent in asked(world, path, verb, operation):
                more = {**headers, **sent.pop("headers", {})}
                answer = world.client.request(verb, address, headers=more, **sent)
                statuses.add(answer.status_code)
                if wrong := fault(answer, bad):
                    faults.append((f"{verb} {path}", wrong))
            if verb != "get" and statuses and min(statuses) >= 400:
                after = world.state()
                changed = {name for name, rows in before.items() if after[name] != rows}
                # An order whose price is over its limit leaves the quote that its refusal names.
                if changed - (QUOTED if path.endswith("/orders") else set()):
                    faults.append((f"{verb} {path}", f"was refused and wrote {changed}"))
    assert faults == [], "\n".join(f"{each}" for each in faults)


def ring(*places: tuple[float, float]) -> list[list[float]]:
    return [list(place) for place in (*places, places[0])]


BAD = {
    "wrong type": ({"geometry": "POINT (1 2)"}, "body.geometry", None),
    "100,000 vertices": (
        {"geometry": {"type": "Polygon", "coordinates": [[[k * 1e-4, 0] for k in range(100_000)]]}},
        "body.geometry.coordinates",
        10_000,
    ),
    "self-crossing": (
        {"geometry": {"type": "Polygon", "coordinates": [ring((0, 0), (1, 1), (1, 0), (0, 1))]}},
        "body.geometry.coordinates",
        None,
    ),
    "beyond the pole": (
        {"geometry": {"type": "Point", "coordinates": [0, 91]}}, "body.geometry.coordinates", None
    ),
    "50 years": ({"datetime": "2024-09-22T12:00:00Z/2074-09-22T12:00:00Z"}, "body.datetime", "days"),
    "a continent": (
        {"geometry": {"type": "Polygon", "coordinates": [ring((0, 0), (30, 0), (30, 30), (0, 30))]}},
        "body.geometry",
        "00000",
    ),
    "finer than any": ({"filter": {"op": "<=", "args": [{"property": "gsd"}, 0.01]}}, "body.filter.gsd", "."),
    "over": ({"datetime": "1974-09-22T12:00:00Z/1975-09-22T12:00:00Z"}, "body.datetime", None),
    "unknown property": (
        {"filter": {"op": "<=", "args": [{"property": "colour"}, 1]}}, "body.filter", "eo:cloud_cover"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ["opportunities", "quotes", "orders"])
def test_a_bad_wish_names_field_value_and_limit(world: World, what: str) -> None:
    before = world.state()
    good = {"datetime": SPAN, "geometry": PLACE}
    address = f"/stapi/products/hr-scene/{what}"
    for name, (bad, field, limit) in BAD.items():
        answer = world.client.post(address, json={**good, **bad}, headers=world.tokens["customer"])
        assert answer.status_code == 400, (name, answer.text)
        (entry,) = answer.json()["errors"]
        assert entry["field"].startswith(field) and entry["value"] not in (None, ""), name
        assert limit is None or str(limit) in str(entry["limit"]), (name, entry)
    for raw in ("NaN", "Infinity", "1e999"):
        content = json.dumps({**good, "geometry": {**PLACE, "coordinates": ["RAW", 1]}})
        answer = world.client.post(
            address, content=content.replace('"RAW"', raw), headers=world.tokens["customer"]
        )
        assert answer.status_code == 400 and answer.json()["errors"][0]["field"] == "body", raw
    unknown = world.client.post(f"/stapi/products/none/{what}", json=good, headers=world.tokens["customer"])
    assert unknown.status_code == 404 and "'none'" in unknown.json()["detail"]
    (entry,) = unknown.json()["errors"]
    assert entry["field"] == "path.product_id" and entry["value"] == "none"
    assert world.state() == before


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Polygon", "coordinates": [
            ring((179.8, -17), (-179.8, -17), (-179.8, -16.8), (179.8, -16.8))
        ]},
        {"type": "MultiPolygon", "coordinates": [
            [ring((179.8, -17), (180, -17), (180, -16.8), (179.8, -16.8))],
            [ring((-180, -17), (-179.8, -17), (-179.8, -16.8), (-180, -16.8))],
        ]},
        {"type": "Point", "coordinates": [180, -17]},
        {"type": "Polygon", "coordinates": [ring((10, -79), (12, -79), (12, -78.8), (10, -78.8))]},
        {"type": "Polygon", "coordinates": [ring((0, -88), (90, -88), (180, -88), (-90, -88))]},
        {"type": "Point", "coordinates": [0, -90]},
    ],
    ids=["over the antimeridian", "cut at it", "on it", "polar", "round the pole", "the pole"],
)  # fmt: skip
def test_antimeridian_and_poles_work(world: World, geometry: dict[str, Any]) -> None:
    later = f"{(NOW + 28 * 86_400).iso()}/{(NOW + 29 * 86_400).iso()}"  # the sun is up there then
    wish = {"datetime": later, "geometry": geometry, "limit": 1000}
    found = world.client.post(
        "/stapi/products/wide-daily/opportunities", json=wish, headers=world.tokens["customer"]
    )
    assert found.status_code == 200, found.text
    # No orbit of the fleet goes over the pole itself.
    assert found.json()["numberMatched"] > 0 or "-88" in str(geometry) or "-90" in str(geometry)
    items = world.client.post(
        "/stac/search",
        json={"intersects": {"type": "Point", "coordinates": [180, 90]}},
        headers=world.tokens["customer"],
    )
    assert items.status_code == 200


def test_a_quote_that_has_expired_or_whose_partners_withdrew_orders_nothing(world: World) -> None:
    """And a refused order leaves what was quoted untouched."""
    wish = {"datetime": f"{NOW.iso()}/{(NOW + 30 * 86_400).iso()}", "geometry": PLACE}
    headers = world.tokens["customer"]
    quote = world.client.post("/stapi/products/hr-scene/quotes", json=wish, headers=headers).json()
    order = {**wish, "order_parameters": {"quote": quote["id"], "reference": "told with the refusal"}}
    operator = world.operator

    def refused() -> str:
        state = world.state()
        answer = world.client.post("/stapi/products/hr-scene/orders", json=order, headers=headers)
        assert answer.status_code == 409, answer.text
        assert quote["id"] in answer.json()["detail"]
        (entry,) = answer.json()["errors"]
        assert entry["field"] == "body.order_parameters.quote" and entry["value"] == quote["id"]
        assert entry.get("limit") in (None, quote["valid_until"])
        assert world.state() == state
        return str(answer.json()["detail"])

    object.__setattr__(operator.clock, "epoch", NOW + 20 * 86_400)
    assert "is valid from" in refused()
    late = world.client.get(f"/stapi/quotes/{quote['id']}", headers=headers).json()
    assert not late["orderable"] and "create-order" not in {link["rel"] for link in late["links"]}
    object.__setattr__(operator.clock, "epoch", NOW)
    with operator.store.begin() as work:
        work.set_programme(without(work.programme(), "roscosmos|cnsa|sputnix"))
    operator.programmes.forget()
    assert "withdrawn" in refused()
    with operator.store.begin() as work:
        work.set_programme(PROGRAMME)
    operator.programmes.forget()
    placed = world.client.post("/stapi/products/hr-scene/orders", json=order, headers=headers)
    assert placed.status_code == 201, "else the quote was refused for another reason"


@pytest.mark.parametrize("what", ["opportunities", "later", "quotes", "orders"])
@pytest.mark.parametrize(
    "when",
    [
        "2025-09-01T00:00:00Z/2025-09-08T00:00:00Z",
        "2090-01-01T00:00:00Z/..",
        "9999-12-31T00:00:00Z/..",
        "9999-12-31T23:59:59-12:00/..",
    ],
    ids=["decayed by then", "no Earth orientation", "the end of the calendar", "beyond it"],
)
def test_what_is_too_far_ahead_is_told_of_datetime(world: World, what: str, when: str) -> None:
    before = world.state()
    headers = {**world.tokens["customer"], **({"Prefer": "respond-async"} if what == "later" else {})}
    address = f"/stapi/products/hr-scene/{'opportunities' if what == 'later' else what}"
    wish = {"datetime": when, "geometry": PLACE}
    answer = world.client.post(address, json=wish, headers=headers)
    assert answer.status_code == 400, answer.text
    (entry,) = answer.json()["errors"]
    assert entry["field"] == "body.datetime" and entry["value"] == when
    seen = world.client.get("/operator/timeline", params={"datetime": when}, headers=world.tokens["partner"])
    assert seen.status_code in (200, 400), seen.text
    assert world.state() == before


def test_a_body_that_is_not_what_it_should_be_is_told_in_words_of_json(world: World) -> None:
    headers = world.tokens["customer"]
    for content, type_, field, said in (
        (b'{"datetime": 1,}', "application/json", "body", "no JSON"),
        (b'{"datetime": "x"}', "application/x-www-form-urlencoded", "body", "Content-Type: application/json"),
        (b"[1]", "application/json", "body", "must be a JSON object"),
        (b'{"colour": 1}', "application/json", "body.colour", "not known here"),
        (b"{}", "application/json", "body.datetime", "is required"),
    ):
        answer = world.client.post(
            "/stapi/products/hr-scene/orders", content=content, headers={**headers, "Content-Type": type_}
        )
        errors = answer.json()["errors"]
        assert answer.status_code == 400 and any(
            entry["field"] == field and said in entry["detail"] for entry in errors
        ), answer.text
        assert not any(word in answer.text for word in ("dict", "list of", "bytes of")), answer.text
    other = world.client.post("/jobs", json={"kind": "frob"}, headers=headers).json()["errors"][0]
    assert other["field"] == "body.kind" and other["value"] == "frob" and "plan" in other["limit"]
    south = {"datetime": SPAN, "geometry": {"type": "Point", "coordinates": [0, 91]}}
    shown = world.client.post("/stapi/products/hr-scene/orders", json=south, headers=headers)
    assert shown.json()["errors"][0]["value"] == [0, 91]
    webhook = {"url": "https://example.com/", "events": ["plan.made"]}
    wrong = world.client.post("/webhooks", json=webhook, headers=headers).json()["errors"][0]
    assert wrong["field"] == "body.events" and wrong["value"] == "plan.made"


def without(programme: Programme, owners: str) -> Programme:
    """The programme after these partners gave their spacecraft up to another."""
    text = re.sub(
        rf'(?m)^(id = "[\w-]+"\n(?:.*\n){{0,3}}?)owner = "(?:{owners})"$', r'\1owner = "cerd"', programme.text
    )
    return programme_from_text(text, elements=programme.elements, name="after they withdrew", requests=False)
