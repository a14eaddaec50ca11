"""Credentials, the append-only log and idempotency keys, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from comity.core import Epoch, StateError, UnknownIdError
from comity.operations.identity import Credential, KeptAnswer, KeyHeldError, KeyReusedError
from comity.stores.database import open_engine, serve_many
from comity.stores.identity import SqlAuditLog, SqlCredentials, SqlIdempotency

NOW = Epoch.from_iso("2026-05-01T00:00:00Z")
CREDENTIAL = Credential(
    id="c-1", kind="key", tenant="cnsa", role="partner", scopes=("plan:read",), title="",
    secret_hash="0" * 64, created=NOW, created_by="t", expires=NOW + 60,
)  # fmt: skip


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    made = open_engine(database_url)
    serve_many(made)
    yield made
    made.dispose()


def test_credentials_come_back_and_stay_revoked(engine: sa.Engine) -> None:
    store = SqlCredentials(engine)
    store.add(CREDENTIAL)
    with pytest.raises(StateError, match="exists"):
        store.add(CREDENTIAL)
    assert store.find("c-1") == CREDENTIAL and store.find("c-2") is None
    assert CREDENTIAL.good(NOW) and not CREDENTIAL.good(NOW + 60)
    store.revoke("c-1", NOW + 1)
    store.revoke("c-1", NOW + 2)
    found = store.find("c-1")
    assert found is not None and found.revoked == NOW + 1 and not found.good(NOW)
    with pytest.raises(UnknownIdError):
        store.revoke("c-2", NOW)
    assert store.of("cnsa") == [found] and store.of("other") == [] and store.of(None) == [found]


def test_the_log_takes_many_writers_and_no_change(engine: sa.Engine) -> None:
    log = SqlAuditLog(engine)

    def write(number: int) -> None:
        log.append(
            at=NOW, request=str(number), tenant="cnsa", role="partner", name="c", action="POST",
            subject="/é", outcome=None, digest="",
        )  # fmt: skip

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(24)))
    assert [e.seq for e in log.read(limit=100)] == list(range(1, 25))
    assert {e.request for e in log.read(limit=100)} == {str(n) for n in range(24)}
    assert [e.seq for e in log.read(after=20, limit=2, tenant="cnsa")] == [21, 22]
    assert log.broken() is None
    for deed in ("UPDATE audit SET tenant = 'x'", "DELETE FROM audit"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql(deed)


def test_one_of_many_gets_the_key_and_a_dead_workers_comes_free(engine: sa.Engine) -> None:
    store = SqlIdempotency(engine)

    def claim(at: Epoch = NOW, fingerprint: str = "f") -> KeptAnswer | None:
        return store.claim("cnsa", "k", fingerprint, at=at, lease_s=60, keep_s=3600)

    def tried(_: int) -> bool:
        try:
            return claim() is None
        except KeyHeldError as held:
            assert 0 < held.retry_s <= 60
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(tried, range(8))) == 1
    with pytest.raises(KeyReusedError):
        claim(fingerprint="g")
    assert claim(NOW + 61) is None, "its worker died"
    with pytest.raises(KeyHeldError):
        claim(NOW + 62)
    answer = KeptAnswer(status=201, media_type="a/b", headers={"location": "/x"}, body=b"\x00\xff")
    store.keep("cnsa", "k", answer)
    assert claim(NOW + 63) == answer
    assert claim(NOW + 3662, "g") is None, "forgotten after its time"
    store.release("cnsa", "k")
    assert claim(NOW + 3663, "h") is None
