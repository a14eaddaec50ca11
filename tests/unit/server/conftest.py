"""A server on a SQLite file with joint-eo loaded, and a token for every role."""

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


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """The log as lines of JSON, as the running server has it."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(),
    )
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def loaded_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database that runs joint-eo; copied for each test."""
    place = tmp_path_factory.mktemp("server") / "comity.db"
    store = SqlStore(str(place))
    with store.begin() as work:
        work.set_programme(PROGRAMME)
    store.close()
    return place


@pytest.fixture
def settings() -> Settings:
    """Limits that no test meets by chance; a test of limits overrides this."""
    return Settings(
        base_url=BASE, requests_per_minute=1e6, burst=1_000_000, logins_per_minute=1e6, job_threads=0
    )


@pytest.fixture
def operator(loaded_database: Path, tmp_path: Path, settings: Settings) -> Iterator[Operator]:
    """An operator whose time stands at the programme's epoch."""
    place = tmp_path / "comity.db"
    shutil.copy(loaded_database, place)
    (tmp_path / "delivery").mkdir()
    assert PROGRAMME.epoch is not None
    made = open_operator(
        str(place), settings, delivery=tmp_path / "delivery", clock=FixedClock(PROGRAMME.epoch)
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
