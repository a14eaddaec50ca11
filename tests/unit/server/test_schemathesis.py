"""Schemathesis holds the server to its own OpenAPI document and to the specification's.

Bounded and the same in every run; ``COMITY_SCHEMATHESIS_EXAMPLES=200`` asks for more of each operation.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from itertools import cycle
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.python import asgi
from schemathesis.specs.openapi.checks import positive_data_acceptance

from comity.operations.archive import ArchiveItem
from comity.server.operator import Operator
from comity.server.settings import Settings
from unit.server.stapi_openapi import mended, published

Headers = dict[str, dict[str, str]]
EXAMPLES = int(os.environ.get("COMITY_SCHEMATHESIS_EXAMPLES", "3"))
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
DJIBOUTI = {"type": "Point", "coordinates": [43.145, 11.588]}
#: Streams until its job ends.
STREAMS = "/jobs/{job_id}/events"


@pytest.fixture
def settings() -> Settings:
    """No limit that a storm of requests would meet."""
    return Settings(
        base_url="http://testserver", requests_per_minute=1e9, burst=10**9, logins_per_minute=1e9,
        tries_per_minute=1e9, job_threads=0,
    )  # fmt: skip


class Storm:
    """Asks every operation with good and bad data, of unknown records and of known; keeps what failed."""

    def __init__(
        self, client: Any, headers: Iterable[dict[str, str]], known: dict[str, str], checks: list[Any]
    ) -> None:
        self._client = client
        self._callers = cycle(headers)
        self._known = known
        self._checks = checks
        self.asked = 0
        self._failures: dict[str, str] = {}

    @property
    def failed(self) -> list[str]:
        """Each kind of failure once, with how it was come by."""
        return [f"{name}\n{told[:1500]}" for name, told in self._failures.items()]

    def run(self, schema: Any) -> None:
        """All operations but streams."""
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path.endswith(STREAMS):
                continue
            names = re.findall(r"\{(\w+)\}", operation.path)
            real = {name: self._known[name] for name in names if name in self._known}
            for mode in MODES:
                for places in [None, real] if real else [None]:
                    self._many(operation.as_strategy(generation_mode=mode, path_parameters=places))

    def _many(self, cases: Any) -> None:
        @bounds(
            max_examples=EXAMPLES, database=None, deadline=None, derandomize=True,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=cases)
        def run(case: Any) -> None:
            self._one(case)

        with contextlib.suppress(Unsatisfiable):  # there is nothing to be wrong in it
            run()

    def _one(self, case: Any) -> None:
        self.asked += 1
        try:
            case.call_and_validate(
                session=self._client, headers=next(self._callers), additional_checks=self._checks,
                excluded_checks=[positive_data_acceptance],
            )  # fmt: skip
        except FailureGroup as group:
            for each in group.exceptions:
                name = f"{case.operation.label} {type(each).__name__} {each}"[:300]
                self._failures.setdefault(name, str(group))


def refusals_name_their_field(ctx: Any, response: Any, case: Any) -> None:
    """What is refused as bad input is told by field, whatever else is wrong."""
    if response.status_code == 400:
        errors = response.json().get("errors")
        assert errors and all(each["field"] for each in errors), "a 400 without a field"


def records(client: Any, operator: Operator, token: Headers) -> dict[str, str]:
    """One of each record, and the name by which paths call it."""
    me, now = token["customer"], operator.now()
    body = {"datetime": f"{now.iso(0)}/{(now + 86_400).iso(0)}", "geometry": DJIBOUTI}
    at = "/stapi/products/hr-scene"
    order = client.post(f"{at}/orders", json=body, headers=me).json()
    quote = client.post(f"{at}/quotes", json=body, headers=me).json()
    later = {**me, "Prefer": "respond-async"}
    search = client.post(f"{at}/opportunities", json=body, headers=later).json()
    ring = [[43.0, 11.0], [43.5, 11.0], [43.5, 11.5], [43.0, 11.0]]
    document = {
        "type": "Feature", "stac_version": "1.1.0", "stac_extensions": [], "id": "item-1",
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": [43.0, 11.0, 43.5, 11.5],
        "properties": {"datetime": "2024-09-01T00:00:00Z"}, "links": [], "assets": {},
    }  # fmt: skip
    with operator.store.begin() as work:
        item = ArchiveItem(
            id="item-1", collection="hr-scene", owner="dj-environment", record=None, path="1.json",
            digest="", document=document,
        )  # fmt: skip
        work.archive.put([item])
    return {
        "product_id": "hr-scene", "productId": "hr-scene", "order_id": order["id"], "orderId": order["id"],
        "quote_id": quote["id"], "search_id": search["id"], "collection_id": "hr-scene", "item_id": "item-1",
    }  # fmt: skip


def test_the_server_is_what_its_document_says(app: FastAPI, operator: Operator, token: Headers) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    callers = [token[name] for name in ("customer", "operator", "partner", "planner", "other_customer")]
    with asgi.get_client(app) as client:
        known = records(client, operator, token)
        storm = Storm(client, callers, known, [refusals_name_their_field])
        storm.run(schema)
    assert storm.failed == [], "\n\n".join(storm.failed)
    assert storm.asked > 400


def test_the_server_is_what_the_specification_says(app: FastAPI, operator: Operator, token: Headers) -> None:
    assert not OpenAPIV31SpecValidator(published()).is_valid()
    validate(mended())
    schema = schemathesis.openapi.from_dict({**mended(), "servers": [{"url": "/stapi"}]})
    schema.app = app
    with asgi.get_client(app) as client:
        known = records(client, operator, token)
        storm = Storm(client, [token["customer"]], known, [])
        storm.run(schema)
    assert storm.failed == [], "\n\n".join(storm.failed)
    assert storm.asked > 60
