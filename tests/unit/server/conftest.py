"""A server with joint-eo loaded, and a token for every role: on a SQLite file, and for some tests of each
area on PostgreSQL too, where COMITY_TEST_DATABASE_URL names one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from fastapi import FastAPI
from fastapi.testclient import TestClient

from comity.core import FixedClock
from comity.fleet import load_programme
from comity.operations.identity import Role
from comity.server.app import create_app
from comity.server.operator import Operator, open_operator
from comity.server.settings import Settings
from comity.stores import SqlStore
from databases import empty_database

PROGRAMME = load_programme("joint-eo")
BASE = "http://testserver"
#: Whose tokens tests use: name → (tenant, role).
CALLERS: dict[str, tuple[str, Role]] = {
    "operator": ("operator", "operator"),
    "planner": ("operator", "planner"),
    "partner": ("cnsa", "partner"),
    "other_partner": ("roscosmos", "partner"),
    "customer": ("dj-environment", "customer"),
    "other_customer": ("port-logistics", "customer"),
}


#: Tests that also run on PostgreSQL: of each area the one that goes through most of it.
ON_POSTGRESQL = frozenset(
    {
        "test_archive_sales.test_an_order_of_the_archive_goes_the_road_of_every_order",
        "test_archive_sales.test_a_saved_search_is_told_once_of_what_comes",
        "test_front.test_what_is_sent_twice_with_a_key_is_done_once",
        "test_identity.test_a_revoked_credential_ends_its_tokens",
        "test_identity.test_secrets_and_passwords_become_tokens",
        "test_jobs.test_a_plan_is_made_in_the_background",
        "test_jobs.test_a_worker_that_dies_with_its_plan_made_does_not_plan_twice",
        "test_operator_api.test_a_partner_vetoes_and_the_next_plan_goes_around",
        "test_operator_api.test_each_sees_its_own",
        "test_stac.test_a_tenant_finds_its_own_items_and_nothing_else",
        "test_stac.test_a_search_by_body_goes_from_page_to_page",
        "test_product_bucket.test_what_one_server_made_every_server_on_the_bucket_shows",
        "test_standing.test_an_order_becomes_an_item_though_nobody_asks",
        "test_standing.test_many_workers_begin_a_thing_once",
        "test_stapi.test_from_the_landing_page_to_an_order",
        "test_stapi.test_a_quote_binds_its_price_and_its_words",
        "test_telemetry.test_the_figures_tell_of_everything_that_may_go_wrong",
        "test_webhooks.test_a_customer_is_told_of_its_order_and_of_no_other",
    }
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run those tests on either database."""
    name = f"{metafunc.module.__name__.rpartition('.')[2]}.{metafunc.function.__name__}"
    if name in ON_POSTGRESQL and "database_url" in metafunc.fixturenames:
        metafunc.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """SQLAlchemy URL of an empty database: on SQLite, unless PostgreSQL is asked for."""
    yield from empty_database(getattr(request, "param", "sqlite"), tmp_path)


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """The log as lines of JSON, as the running server has it."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(),
    )
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def loaded_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database that runs joint-eo; copied for each test."""
    place = tmp_path_factory.mktemp("server") / "comity.db"
    _load(str(place))
    return place


def _load(place: str) -> None:
    store = SqlStore(place)
    with store.begin() as work:
        work.set_programme(PROGRAMME)
    store.close()


@pytest.fixture
def settings() -> Settings:
    """Limits that no test meets by chance; a test of limits overrides this."""
    return Settings(
        base_url=BASE, requests_per_minute=1e6, burst=1_000_000, logins_per_minute=1e6, job_threads=0
    )


@pytest.fixture
def operator(
    loaded_database: Path, database_url: str, tmp_path: Path, settings: Settings
) -> Iterator[Operator]:
    """An operator whose time stands at the programme's epoch."""
    if database_url.startswith("sqlite"):
        shutil.copy(loaded_database, tmp_path / "comity.db")
    else:
        _load(database_url)
    (tmp_path / "delivery").mkdir()
    assert PROGRAMME.epoch is not None
    made = open_operator(
        database_url, settings, delivery=tmp_path / "delivery", clock=FixedClock(PROGRAMME.epoch)
    )
    yield made
    made.close()


@pytest.fixture
def app(operator: Operator, settings: Settings) -> FastAPI:
    return create_app(operator, settings)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client without a token: give ``headers=token["customer"]``."""
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def token(operator: Operator) -> dict[str, dict[str, str]]:
    """Name of :data:`CALLERS` → the headers of its token."""
    found = {}
    for name, (tenant, role) in CALLERS.items():
        credential, _ = operator.identity.make(
            kind="client", tenant=tenant, role=role, by="tests", id=f"{name}-client"
        )
        found[name] = {"Authorization": f"Bearer {operator.identity.token_of(credential).access_token}"}
    return found


@pytest.fixture
def bare_token(operator: Operator) -> Callable[..., dict[str, str]]:
    """Headers of a new token with these scopes only."""

    def make(tenant: str, role: Role, *scopes: str) -> dict[str, str]:
        credential, _ = operator.identity.make(
            kind="client", tenant=tenant, role=role, by="tests", scopes=scopes
        )
        return {"Authorization": f"Bearer {operator.identity.token_of(credential).access_token}"}

    return make
