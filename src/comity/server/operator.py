"""What the routes are given: the operator's state, clock, workers and files. Nothing of FastAPI in here."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from comity.core import Clock, Epoch, Executor, InputError, StateError, SystemClock, ThreadExecutor
from comity.fleet import Programme
from comity.operations import ObjectStore, Store
from comity.operations.identity import AuditLog, CredentialStore, IdempotencyStore, Role
from comity.operations.product_bucket import ProductBucket
from comity.operations.sky import KeptFleet
from comity.server.identity.caller import OPERATOR_TENANT
from comity.server.identity.service import Identity
from comity.server.settings import Settings
from comity.stores import SqlStore
from comity.stores.clock import ProgrammeClock
from comity.stores.database import serve_many
from comity.stores.identity import SqlAuditLog, SqlCredentials, SqlIdempotency
from comity.stores.jwks import fetch_document

#: The programme is looked up in the database again after so long (s): another worker may have changed it.
_PROGRAMME_S = 1.0


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
            with self._store.read() as work:  # within another's transaction, too
                found = work.programme()
            self._known = (found, time.monotonic())
            return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One running operator.

    ``store``: orders, plans, ledger. ``clock``: the programme's time (credentials live by the machine's).
    ``delivery``: the folder of products; ``bucket``: the bucket they are published to and read from, if any.
    ``sql``: the database, for those who keep more in it. ``fleet``: its spacecraft's states to come.
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
    bucket: ProductBucket | None = None
    programmes: ProgrammeCache = field(repr=False)
    fleet: KeptFleet = field(default_factory=KeptFleet, repr=False)

    @property
    def programme(self) -> Programme:
        """The programme that the operator runs."""
        return self.programmes.get()

    def now(self) -> Epoch:
        """The programme's present instant."""
        return self.clock.now()

    def close(self) -> None:
        """Let go of the clock and the database."""
        if isinstance(self.clock, ProgrammeClock):
            self.clock.close()
        self.sql.close()


def open_operator(
    place: str,
    settings: Settings,
    *,
    delivery: Path,
    clock: Clock | None = None,
    executor: Executor | None = None,
    objects: ObjectStore | None = None,
    speed: float = 1.0,
) -> Operator:
    """The operator whose state is in the database at ``place`` (file or URL).

    Without ``clock`` the programme's own: one with an epoch goes on from there, ``speed`` times as fast as
    the machine's, for all servers on the database together and only while there is one; one without follows
    the machine's. ``objects``: where the products of all servers on the database lie.
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
        clock=clock or programme_clock(sql, speed),
        executor=executor or ThreadExecutor(),
        delivery=delivery,
        identity=Identity(credentials, settings, tenants=tenants, fetch=fetch_document),
        credentials=credentials,
        audit=SqlAuditLog(sql.engine),
        idempotency=SqlIdempotency(sql.engine),
        bucket=None
        if objects is None
        else ProductBucket(objects, delivery, cache_bytes=settings.cache_bytes),
        programmes=programmes,
    )


def programme_clock(store: SqlStore, speed: float = 1.0) -> Clock:
    """The programme's time: from its epoch on, never behind what has happened, one for all processes.

    Raises :class:`InputError` for a ``speed`` other than 1 of a programme that follows the machine's clock.
    """
    with store.read() as work:
        try:
            programme = work.programme()
        except StateError:
            return SystemClock()
        epoch = programme.epoch
        if epoch is None:
            if speed != 1.0:
                raise InputError("a programme without an epoch follows the machine's clock: it has no speed")
            return SystemClock()
        past = [epoch]
        past += [order.statuses[-1].at for order in work.orders.all()]
        past += [a.interval.end for state in ("done", "failed") for a in work.activities.all(state=state)]
    return ProgrammeClock(store.engine, programme.id, max(past), speed)
