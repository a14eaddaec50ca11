"""Work on a Dask cluster: many processes of this machine, or the workers of a running scheduler.

An :class:`comity.core.Executor` over ``distributed`` (extra ``dask``), which is imported when an executor is
made. What a piece of work returns depends on its item alone, and results come back in the order of the
items, so the answer is the same to the bit as that of threads. A piece whose worker dies is done again by
another; pieces that were finished are already here and are not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from comity import __version__
from comity.core import ComityError, InputError
from comity.core.pieces import run_asked, run_piece

T = TypeVar("T")
R = TypeVar("R")

#: Pieces under way or waiting at the cluster, per thread of a worker: enough that none is idle.
AHEAD = 3
#: How often a piece may take its worker down with it before it is given up.
DEATHS = 3
_CONNECT_S = 10
#: A cluster on which nothing is done for so long will do nothing any more (s).
_STALLED_S = 60.0
#: How often it is looked whether what was asked is done (s).
_LOOK_S = 0.0005
#: Ctrl-C reaches every process of a terminal; the workers leave it to the one that gives them work.
_DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


class DaskExecutor:
    """An :class:`comity.core.Executor` that hands pieces of work to a Dask ``client`` (untyped as Dask is).

    ``ahead``: pieces at the cluster at once (None: a few per thread); with the results that wait for an
    earlier one they are all that is held, whatever the number of items.
    """

    def __init__(self, client: Any, *, ahead: int | None = None) -> None:
        self.client = client
        self._ahead = ahead
        self._at: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Results in the order of ``items``; ``function``, items and results travel pickled.

        Left early (Ctrl-C, an error), what is still at the cluster is cancelled. An exception of
        ``function`` is raised here. Raises :class:`ComityError` when a piece has taken down several workers,
        or the cluster is gone.
        """
        from cloudpickle import dumps  # type: ignore[import-untyped]
        from distributed import KilledWorker, as_completed

        # Pickled by us, so that what a worker cannot import fails its piece and not the worker.
        packed = dumps(function)
        ahead = self._ahead or AHEAD * max(1, sum(self.client.nthreads().values()))
        waiting = iter(enumerate(items))
        numbers: dict[Any, int] = {}
        early: dict[int, R] = {}
        due = 0

        def submit(number: int, item: T) -> Any:
            # two equal pieces are two pieces: Dask must not take one's result for the other's
            future = self.client.submit(run_piece, packed, dumps(item), pure=False)
            numbers[future] = number
            return future

        arrivals: Any = as_completed(loop=self.client.loop, with_results=True)  # type: ignore[no-untyped-call]
        try:
            for number, item in islice(waiting, ahead):
                arrivals.add(submit(number, item))
            while numbers:
                future, result = next(arrivals)
                if future.cancelled():
                    raise ComityError(f"the Dask cluster gave the work up: {result}")
                early[numbers.pop(future)] = result
                future.release()
                while due in early:
                    yield early.pop(due)
                    due += 1
                # results that wait count too: a slow first piece must not let the rest pile up
                for number, item in islice(waiting, ahead - len(numbers) - len(early)):
                    arrivals.add(submit(number, item))
        except KilledWorker as error:
            raise ComityError(
                f"a piece of work has taken down {DEATHS + 1} workers, the last {error.last_worker.address}: "
                "give the workers more memory, or use a coarser grid or fewer workers"
            ) from error
        finally:
            if numbers:
                self.client.cancel(list(numbers), force=True)

    @property
    def slots(self) -> int:
        """Threads of all workers."""
        threads: int = sum(self.client.nthreads().values())
        return max(1, threads)

    def keep(self, make: Callable[..., Any], items: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Futures of ``make(*item)`` that stay where they are made, in turn at the workers.

        A future in an item stands for what it is of, and what is made of it is made beside it. Those of a
        worker that dies Dask makes again elsewhere, from the items.
        """
        workers = [w for w, threads in sorted(self.client.nthreads().items()) for _ in range(threads)]
        return [
            self._submitted(make, item, workers[k % len(workers)] if workers else None)
            for k, item in enumerate(items)
        ]

    def ask(self, function: Callable[..., Any], items: Sequence[tuple[Any, ...]]) -> list[Any]:
        """``function(*item)`` of each item, in their order, where its first future is.

        Raises :class:`ComityError` when the workers are gone, or one item has taken down several.
        """
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        futures = [self._submitted(function, item, None) for item in items]
        try:
            # Waited for here, where Ctrl-C leaves nothing behind: a gathering cut off complains later.
            for future in futures:
                self._wait(future)
            return list(self.client.gather(futures))
        except (KilledWorker, FutureCancelledError, OSError, TimeoutError) as error:
            raise ComityError(f"the Dask cluster gave the work up: {error}") from error
        except KeyboardInterrupt:
            self.client.cancel(futures, force=True)
            raise

    def _wait(self, future: Any) -> None:
        """Until it is done. Raises :class:`ComityError` if the cluster holds it and no worker takes it up."""
        idle_since = time.monotonic()
        while not future.done():
            time.sleep(_LOOK_S)
            if time.monotonic() - idle_since > _STALLED_S:
                if not any(self.client.processing().values()):
                    raise ComityError(
                        f"the Dask cluster has work but none of its workers did any for {_STALLED_S:g} s: "
                        "start it anew, or leave --scheduler out"
                    )
                idle_since = time.monotonic()

    def _submitted(self, function: Callable[..., Any], item: tuple[Any, ...], worker: str | None) -> Any:
        from cloudpickle import dumps
        from distributed import Future

        kept = tuple(isinstance(part, Future) for part in item)
        worker = next((self._at[p] for p, here in zip(item, kept, strict=True) if here), worker)
        future = self.client.submit(
            run_asked,
            dumps(function),
            kept,
            *(part if here else dumps(part) for part, here in zip(item, kept, strict=True)),
            pure=False,
            workers=worker and [worker],
            allow_other_workers=worker is not None,
        )
        self._at[future] = worker or ""
        return future


@contextmanager
def dask_executor(*, workers: int | None = None, scheduler: str | None = None) -> Iterator[DaskExecutor]:
    """An executor on ``workers`` processes of this machine, or on a running ``scheduler`` (its address).

    The processes are started here and ended at the end; one that dies is replaced. Give one of the two.
    Raises :class:`InputError`: ``distributed`` is not installed, no scheduler answers, it has no worker, or
    its workers have not this version of Comity.
    """
    if (workers is None) == (scheduler is None):
        raise InputError("give either a number of workers or the address of a scheduler")
    if workers is not None and workers < 1:
        raise InputError(f"{workers} workers do no work: give at least 1")
    try:
        import dask
        import distributed
    except ImportError as error:
        raise InputError(
            f"work on a cluster needs {error.name}: pip install 'comity[dask]', or leave out --workers and "
            "--scheduler to use threads"
        ) from error
    settings = {
        "distributed.scheduler.allowed-failures": DEATHS,
        "distributed.comm.timeouts.connect": "10s",
        # blocks that workers keep are sent once, and are what they are
        "distributed.admin.large-graph-warning-threshold": "10GB",
    }
    with dask.config.set(settings):
        if scheduler is not None:
            with _connected(scheduler) as client:
                yield DaskExecutor(client)
            return
        with (
            distributed.LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                # any free port of this machine alone: Dask's own is one, and taken while another run goes on
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                preload=[_DEAF],
            ) as cluster,
            distributed.Client(cluster, set_as_default=False) as client,  # type: ignore[no-untyped-call]
        ):
            yield DaskExecutor(client)


@contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    import distributed

    try:
        client = distributed.Client(scheduler, timeout=_CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler}: start one with 'dask scheduler', and give its "
            "address as tcp://HOST:8786"
        ) from error
    with client:
        try:
            versions = client.run(_version)
        except ImportError as error:
            raise InputError(
                f"a worker of {scheduler} lacks {error.name}: install Comity {__version__} there"
            ) from error
        if not versions:
            raise InputError(f"the scheduler at {scheduler} has no worker: start one with 'dask worker'")
        for worker, version in versions.items():
            if version != __version__:
                raise InputError(
                    f"worker {worker} has Comity {version}, this is {__version__}: they must be the same"
                )
        yield client


def _version() -> str:
    from comity import __version__ as here

    return here
