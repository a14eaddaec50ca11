"""What the routes are given: the operator's state, clock, workers and files. Nothing of FastAPI in here."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from comity.core import Clock, Epoch, Executor, StateError, SystemClock, ThreadExecutor
from comity.fleet import Programme
from comity.operations import ObjectStore, Store
from comity.operations.identity import AuditLog, CredentialStore, IdempotencyStore, Role
from comity.server.identity.caller import OPERATOR_TENANT
from comity.server.identity.service import Identity
from comity.server.settings import Settings
from comity.stores import SqlStore
from comity.stores.database import serve_many
from comity.stores.identity import SqlAuditLog, SqlCredentials, SqlIdempotency
from comity.stores.jwks import fetch_jwks

#: The programme is looked up in the database again after so long (s): another worker may have changed it.
_PROGRAMME_S = 1.0


class RunningClock:
    """A programme's own time: starts at ``start`` and runs as the machine's does."""

    def __init__(self, start: Epoch) -> None:
        self._start = start
        self._since = time.monotonic()

    def now(self) -> Epoch:
        """The present instant of the programme."""
        return self._start + (time.monotonic() - self._since)


class ProgrammeCache:
    """The programme that the operator runs, read at most every second."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: tuple[Programme, float] | None = None

    def forget(self) -> None:
        """Read it again next time."""
        self._known = None

    def get(self) -> Programme:
        """The programme; raises :class:`StateError` before there is one."""
        known = self._known
        if known is not None and time.monotonic() - known[1] < _PROGRAMME_S:
            return known[0]
        with self._lock:
            known = self._known
            if known is not None and time.monotonic() - known[1] < _PROGRAMME_S:
                return known[0]
            with self._store.begin() as work:
                found = work.programme()
            self._known = (found, time.monotonic())
            return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One running operator.

    ``store``: orders, plans, ledger. ``clock``: the programme's time (credentials live by the machine's).
    ``delivery``: the folder of products; ``objects``: the bucket they are published to, if any.
    ``sql``: the database, for those who keep more in it.
    """

    settings: Settings
    store: Store
    sql: SqlStore
    clock: Clock
    executor: Executor
    delivery: Path
    identity: Identity
    credentials: CredentialStore
    audit: AuditLog
    idempotency: IdempotencyStore
    objects: ObjectStore | None = None
    programmes: ProgrammeCache = field(repr=False)

    @property
    def programme(self) -> Programme:
        """The programme that the operator runs."""
        return self.programmes.get()

    def now(self) -> Epoch:
        """The programme's present instant."""
        return self.clock.now()

    def close(self) -> None:
        """Let go of the database."""
        self.sql.close()


def open_operator(
    place: str,
    settings: Settings,
    *,
    delivery: Path,
    clock: Clock | None = None,
    executor: Executor | None = None,
    objects: ObjectStore | None = None,
) -> Operator:
    """The operator whose state is in the database at ``place`` (file or URL).

    Without ``clock`` the programme's own: one with an epoch goes on from there, or from the last thing that
    happened; one without follows the machine's.
    """
    sql = SqlStore(place)
    serve_many(sql.engine)
    programmes = ProgrammeCache(sql)

    def tenants(tenant: str) -> frozenset[Role]:
        if tenant == OPERATOR_TENANT:
            return frozenset({"operator", "planner"})
        try:
            programme = programmes.get()
        except StateError:
            return frozenset()
        roles: set[Role] = set()
        if any(each.id == tenant for each in programme.customers):
            roles.add("customer")
        if any(each.id == tenant for each in programme.partners):
            roles.add("partner")
        return frozenset(roles)

    credentials = SqlCredentials(sql.engine)
    return Operator(
        settings=settings,
        store=sql,
        sql=sql,
        clock=clock or programme_clock(sql),
        executor=executor or ThreadExecutor(),
        delivery=delivery,
        identity=Identity(credentials, settings, tenants=tenants, fetch_keys=fetch_jwks),
        credentials=credentials,
        audit=SqlAuditLog(sql.engine),
        idempotency=SqlIdempotency(sql.engine),
        objects=objects,
        programmes=programmes,
    )


def programme_clock(store: Store) -> Clock:
    """The programme's time: from its epoch on, and never behind what has happened."""
    with store.begin() as work:
        try:
            epoch = work.programme().epoch
        except StateError:
            epoch = None
        if epoch is None:
            return SystemClock()
        past = [epoch]
        past += [order.statuses[-1].at for order in work.orders.all()]
        past += [a.interval.end for state in ("done", "failed") for a in work.activities.all(state=state)]
    return RunningClock(max(past))
