"""Searches for opportunities that are answered later: kept, run by whoever does the work, cancelled."""

from __future__ import annotations

from dataclasses import replace

from comity.core import Epoch, Executor, InputError, Progress, StateError, silent
from comity.fleet import Request
from comity.operations.asked import Asked, OpportunitySearch, SearchStatus, SearchStatusCode
from comity.operations.jobs import Job, JobStore, JobWork
from comity.operations.orders import find_opportunities
from comity.operations.ports import Store
from comity.operations.sky import TrajectorySource

#: The kind of job that runs a search.
JOB = "search"
_NEXT: dict[SearchStatusCode, frozenset[SearchStatusCode]] = {
    "received": frozenset({"in_progress", "cancelled", "failed"}),
    "in_progress": frozenset({"completed", "failed", "cancelled"}),
}


def open_search(
    store: JobStore, request: Request, asked: Asked, *, licensed: bool, now: Epoch, at: Epoch
) -> OpportunitySearch:
    """Keep a drafted request, the words it was asked in, a search, and the job that does it.

    All of them or none. ``at``: the machine's time, by which jobs are due.
    """
    with store.begin() as work:
        kept = replace(request, id=work.next_id("request"))
        work.requests.put(kept)
        work.asked.put(replace(asked, request=kept.id))
        search = OpportunitySearch(
            id=work.next_id("search"),
            request=kept.id,
            customer=asked.customer,
            product=asked.product,
            licensed=licensed,
            created=now,
            statuses=(SearchStatus(at=now, code="received"),),
        )
        work.searches.put(search)
        work.jobs.add(JOB, {"search": search.id}, now=at, tenant=asked.customer, key=search.id)
        return search


def run_search(
    store: Store,
    search_id: str,
    *,
    now: Epoch,
    executor: Executor | None = None,
    trajectories: TrajectorySource | None = None,
    progress: Progress = silent,
) -> OpportunitySearch:
    """Find what a search asks for; one that has ended is left as it is, one that was begun begins again.

    ``trajectories``: as in :func:`comity.operations.find_opportunities`.
    What cannot be searched (no instrument suits, the interval is over) fails with its reason.
    """
    search = _advance(store, search_id, now, "in_progress")
    if search.status != "in_progress":
        return search
    try:
        found = find_opportunities(
            store, search.request, now=now, executor=executor, trajectories=trajectories, progress=progress
        )
    except (InputError, StateError) as error:
        return _advance(store, search_id, now, "failed", "not-possible", str(error))
    text = f"{len(found.windows):,} windows in {found.interval.iso()}"
    return _advance(store, search_id, now, "completed", None, text)


def cancel_search(store: Store, search_id: str, *, now: Epoch, reason: str = "") -> OpportunitySearch:
    """The customer's cancellation; raises :class:`StateError` for a search that has ended."""
    text = reason or "cancelled by the customer"
    search = _advance(store, search_id, now, "cancelled", "cancelled", text)
    if search.status != "cancelled":
        raise StateError(f"{search_id} is already {search.status}: there is nothing to cancel")
    return search


def end_searches(store: JobStore, *, now: Epoch) -> tuple[str, ...]:
    """End the searches whose job has ended without them: a dead letter fails its search, a cancelled job
    cancels it. Their identifiers."""

    def left(work: JobWork) -> list[tuple[OpportunitySearch, Job | None]]:
        waiting = [s for status in ("received", "in_progress") for s in work.searches.all(status=status)]
        pairs = [(search, work.jobs.find(JOB, search.customer, search.id)) for search in waiting]
        return [(search, job) for search, job in pairs if job is None or job.state in ("failed", "cancelled")]

    with store.read() as looked:
        if not left(looked):
            return ()
    with store.begin() as work:
        ended = left(work)
        for search, job in ended:
            if job is not None and job.state == "cancelled":
                entry = SearchStatus(
                    at=now, code="cancelled", reason_code="cancelled", reason_text="cancelled"
                )
            else:
                text = f"given up after {job.runs} tries" if job is not None else "its job is not there"
                entry = SearchStatus(at=now, code="failed", reason_code="given-up", reason_text=text)
            work.searches.put(replace(search, statuses=(*search.statuses, entry)))
    return tuple(search.id for search, _ in ended)


def _advance(
    store: Store,
    search_id: str,
    at: Epoch,
    code: SearchStatusCode,
    reason_code: str | None = None,
    text: str | None = None,
) -> OpportunitySearch:
    """The search with one more status where that may follow, else as it is."""
    with store.begin() as work:
        search = work.searches.get(search_id)
        if code in _NEXT.get(search.status, frozenset()):
            entry = SearchStatus(at=at, code=code, reason_code=reason_code, reason_text=text)
            search = replace(search, statuses=(*search.statuses, entry))
            work.searches.put(search)
        return search
