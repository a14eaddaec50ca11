"""A real local Dask cluster: order, the same bits as threads, a killed worker, errors."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from comity.access.coverage import Options, Sensor, coverage, lat_lon_grid
from comity.core import Epoch, InputError, Interval, ThreadExecutor
from comity.fleet import load_programme
from comity.orbits import EarthOrientation, sgp4_trajectories
from comity.planning.paths import generate, solve, standard
from comity.stores import DaskExecutor, dask_executor

pytest.importorskip("distributed")
cloudpickle = pytest.importorskip("cloudpickle")
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test module


@pytest.fixture(scope="module")
def cluster() -> Iterator[DaskExecutor]:
    """Two worker processes."""
    with dask_executor(workers=2) as executor:
        yield executor


def uneven(number: int) -> tuple[int, float]:
    time.sleep(0.05 if number % 5 == 0 else 0.0)
    return number, sum(1.0 / (number + k + 1) for k in range(1000))


def refuse(number: int) -> int:
    if number == 3:
        raise InputError("three is refused")
    return number


class Diary:
    """Squares numbers and notes each it begins; the fatal one kills its worker the first time."""

    def __init__(self, file: Path, fatal: int) -> None:
        self.file, self.fatal = file, fatal

    def __call__(self, number: int) -> int:
        done = self.file.read_text().split() if self.file.exists() else []
        with self.file.open("a") as file:
            file.write(f"{number}\n")
        if number == self.fatal and str(number) not in done:
            time.sleep(0.2)  # so that the pieces before it are home
            os.kill(os.getpid(), signal.SIGKILL)
        return number * number


def test_a_second_run_at_the_same_time_is_no_trouble() -> None:
    """Dask's usual port is taken (warnings are errors here); ours answers nobody outside this machine."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # by somebody else, which will do
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        with dask_executor(workers=1) as executor:
            assert list(executor.map(abs, [-1, 2])) == [1, 2]
            sockets = executor.client.cluster.scheduler.http_server._sockets.values()
            assert {one.getsockname()[0] for one in sockets} == {"127.0.0.1"}


def test_results_come_in_order_and_are_those_of_threads(cluster: DaskExecutor) -> None:
    items = range(40)
    assert list(cluster.map(uneven, items)) == list(ThreadExecutor().map(uneven, items))


def test_no_more_than_the_window_is_drawn_from_the_items(cluster: DaskExecutor) -> None:
    drawn: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10**9):  # could never be submitted as a whole
            drawn.append(number)
            yield number

    results = DaskExecutor(cluster.client, ahead=4).map(uneven, items())
    assert [next(results)[0] for _ in range(3)] == [0, 1, 2]
    results.close()  # type: ignore[attr-defined]
    assert len(drawn) <= 3 + 2 * 4


def test_a_killed_worker_costs_its_own_pieces_only(cluster: DaskExecutor, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    results = list(DaskExecutor(cluster.client, ahead=4).map(Diary(diary, fatal=10), range(20)))
    assert results == [number * number for number in range(20)]
    begun = [int(word) for word in diary.read_text().split()]
    assert begun.count(10) == 2, "the worker was killed and its piece done again"
    assert all(begun.count(number) == 1 for number in range(20) if abs(number - 10) >= 4)


def test_an_error_of_the_function_comes_home(cluster: DaskExecutor) -> None:
    with pytest.raises(InputError, match="three is refused"):
        list(cluster.map(refuse, range(8)))
    assert list(cluster.map(refuse, [1, 2])) == [1, 2], "the cluster goes on"


def test_without_distributed_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"comity\[dask\]"), dask_executor(workers=2):
        pass


def test_a_scheduler_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comity.stores.cluster._CONNECT_S", 1)
    with (
        pytest.raises(InputError, match="no Dask scheduler answers"),
        dask_executor(scheduler="tcp://127.0.0.1:9"),
    ):
        pass


def test_coverage_is_the_same_to_the_bit_though_a_worker_is_killed(cluster: DaskExecutor) -> None:
    programme = load_programme("joint-eo")
    trajectories, _ = sgp4_trajectories(tuple(programme.elements.values()), EarthOrientation.bundled())
    start = Epoch.from_iso("2024-09-22T12:00:00Z")
    job = (trajectories, Sensor(max_off_nadir_deg=30.0), lat_lon_grid(6.0), Interval(start, start + 86_400))
    options = Options(min_sun_elevation_deg=10.0)
    here = coverage(*job, options=options)
    killed: list[int] = []

    def kill_one(done: float, total: float, message: str) -> None:
        if not killed:
            busy = {worker: len(keys) for worker, keys in cluster.client.processing().items()}
            pids = cluster.client.run(os.getpid)
            victim = max(pids, key=lambda worker: busy.get(worker, 0))
            killed.append(pids[victim])
            os.kill(pids[victim], signal.SIGKILL)

    there = coverage(*job, options=options, executor=cluster, progress=kill_one)
    assert killed
    assert killed[0] not in cluster.client.run(os.getpid).values()
    for name in ("looks", "accesses", "covered_s", "first_s", "revisit_mean_s", "revisit_percentiles_s",
                 "response_mean_s", "response_percentiles_s", "longest_gap_s", "wait_s"):  # fmt: skip
        assert getattr(here, name).tobytes() == getattr(there, name).tobytes(), name
    assert here.looks.sum() > 1000


def test_a_fleet_is_planned_the_same_to_the_bit_though_a_worker_is_killed(cluster: DaskExecutor) -> None:
    """Blocks of satellites and what is made of them are made again by another worker."""
    fleet = generate(standard(3, 300, hours=4))
    here = solve(fleet, steps=2)
    asked = 0

    class Deadly(DaskExecutor):
        def ask(self, function: Callable[..., object], items: Sequence[tuple[object, ...]]) -> list[object]:
            nonlocal asked
            asked += 1
            if asked == 40:
                os.kill(next(iter(self.client.run(os.getpid).values())), signal.SIGKILL)
            return super().ask(function, items)

    there = solve(fleet, steps=2, keeper=Deadly(cluster.client))
    assert asked > 40
    assert (there.nodes, there.value, there.bound) == (here.nodes, here.value, here.bound)
