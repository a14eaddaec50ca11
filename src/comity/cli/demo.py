"""``comity demo``: the whole road on the embedded programme."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from comity.cli.common import Now, console
from comity.core import Epoch, InputError, SystemClock
from comity.core import Progress as ProgressCallback
from comity.fleet import Programme, load_programme
from comity.operations import Walk, process_one, read_account, settle, walk
from comity.planning import Stop
from comity.server.report import write_report
from comity.server.walk import HttpWalk, served, walk_over_http
from comity.stores import SqlStore

#: What the demo writes; an earlier demo's copies are replaced, anything else in the folder is kept.
MADE = (
    "comity.db",
    "comity.db-journal",
    "comity.db-wal",
    "comity.db-shm",
    "stac",
    "frames",
    "export",
    "statements",
    "report.html",
)

#: Who orders over HTTP, and where: the port of Djibouti, lon and lat in degrees.
_HTTP_CUSTOMER = "port-logistics"
_PORT = (43.14, 11.60)


def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Folder to leave behind.")] = Path("joint-eo-demo"),
    seed: Annotated[int, typer.Option(help="Seed of everything simulated.")] = 1,
    now: Now = None,
) -> None:
    """Walk the whole road on joint-eo: real satellites and orbits, simulated execution and images."""
    started = time.perf_counter()
    programme = load_programme("joint-eo")
    at = Epoch.from_iso(now) if now else programme.epoch or SystemClock().now()
    _make_room(folder)
    out = console()
    out.print(
        f"{programme.title}: {len(programme.spacecraft)} spacecraft of {len(programme.partners)} partners"
    )
    store = SqlStore(str(folder / "comity.db"))
    try:
        with _steps() as step:
            result = walk(
                store,
                programme,
                folder,
                now=at,
                seed=seed,
                stops=(Stop(wall_s=10.0, gap=5e-4), Stop(wall_s=4.0, gap=5e-4)),
                step=step,
            )
            process_one(store, folder, folder / "frames", seed=seed, progress=step("frames to product"))
            callback = step("over HTTP")
            callback(0, 1, "the server starts")
            with served(folder) as ready:
                over_http = walk_over_http(
                    ready, customer=_HTTP_CUSTOMER, lon=_PORT[0], lat=_PORT[1], progress=callback
                )
            settled = settle(store, now=over_http.ended, folder=folder / "statements")
            result = replace(result, settlement=settled)
            callback = step("report")
            callback(0, 1, "report.html")
            account = read_account(store, over_http.ended)
            note = (
                f"{over_http.order} came over HTTP from a program on this machine, which found, downloaded "
                f"and accepted {over_http.item} there and was told of it by signed webhooks."
            )
            write_report(account, folder=folder, out=folder / "report.html", title=programme.title, note=note)
            callback(1, 1, "report.html")
    finally:
        store.close()
    _tell(programme, result, over_http, folder, time.perf_counter() - started)


def _make_room(folder: Path) -> None:
    """An empty place for the demo; a folder that holds something else is not touched."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: name a folder with --dir")
    if folder.exists() and any(folder.iterdir()) and not (folder / "comity.db").exists():
        raise InputError(f"{folder} is not empty and holds no earlier demo: choose another --dir")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in MADE:
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot use folder {folder}: {error.strerror or error}") from error


@contextmanager
def _steps() -> Iterator[_Steps]:
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[message]}", style="dim"),
        TimeElapsedColumn(),
        console=console(stderr=True),
    ) as bar:
        yield _Steps(bar)


class _Steps:
    """Gives each step of the walk a line of the progress display."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._last: TaskID | None = None

    def __call__(self, title: str) -> ProgressCallback:
        self._end()
        line = self._last = self._bar.add_task(title, total=None, message="")

        def update(done: float, total: float, message: str, /) -> None:
            self._bar.update(line, completed=done, total=max(total, 1e-9), message=message)

        return update

    def _end(self) -> None:
        if self._last is not None:
            task = self._bar.tasks[self._last]
            self._bar.update(self._last, completed=task.total or 1, total=task.total or 1, message="")


def _tell(programme: Programme, result: Walk, over_http: HttpWalk, folder: Path, seconds: float) -> None:
    """The short account of what happened and where the files are."""
    out = console()
    orders = Table("order", "customer", "product", "status", "what became of it")
    for order in result.orders:
        customer = programme.customer(order.customer).name
        orders.add_row(order.id, customer, order.product, order.status, order.statuses[-1].reason_text or "")
    out.print(orders)
    plans = Table("plan", "value", "upper bound", "gap", "tasks planned", "acquisitions", "downlinks")
    for plan in result.plans:
        solution = plan.solution
        done = sum(1 for value in solution.task_values.values() if value > 0)
        plans.add_row(
            plan.id,
            f"{solution.bound.value:,.0f} {programme.currency}",
            f"{solution.bound.upper:,.0f}",
            f"{solution.bound.gap:.2%}",
            f"{done} of {len(plan.problem.tasks)}",
            str(len(solution.acquisitions)),
            str(len(solution.downlinks)),
        )
    out.print(plans)
    states = Counter(item.state for item in result.items)
    text = ", ".join(f"{count} {state}" for state, count in states.items())
    out.print(
        f"{len(result.items)} images delivered ({text}); pixels coarsened for the demo, stated in each item"
    )
    out.print("Over HTTP, against comity serve --demo on this machine (docs/walk.md has every step):")
    for line in over_http.lines:
        out.print(f"  {line}")
    paid = Table("partner", "revenue", "paid out")
    for statement in result.settlement.statements:
        earned = [t for t in statement.totals if t.kind in ("split", "pool")]
        out_paid = [str(-t.amount) for t in statement.totals if t.kind == "pay-out"]
        paid.add_row(
            statement.name,
            "; ".join(f"{t.amount} {t.what}" for t in earned),
            "; ".join(out_paid) or "nothing",
        )
    out.print(paid)
    out.print(f"Execution, clouds and images are SIMULATED. {programme.price_book.note}", style="yellow")
    files = Table.grid(padding=(0, 2))
    for name, what in (
        ("report.html", "the whole account on one page: open it"),
        ("stac/catalog.json", "the images as a static STAC catalogue"),
        ("frames/", "one image from raw packets to a product, every level: frames/product/*.html"),
        ("export/", "what an operator would send: tasking and station schedules"),
        ("statements/", "each partner's account"),
        ("comity.db", "the operator's state: go on with comity … --db"),
    ):
        files.add_row(name, what)
    out.print(f"Left in {folder.resolve()}:", soft_wrap=True)
    out.print(Panel(files, title=f"done in {seconds:.0f} s", expand=False))
