"""What every command shares: the database, the time, the screen."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from comity.core import Epoch, InputError, StateError, SystemClock, encode
from comity.core import Progress as ProgressCallback

if TYPE_CHECKING:  # the database and the solver behind it are slow to import: only who opens it pays
    from comity.operations import Store
    from comity.stores import SqlStore

Db = Annotated[str, typer.Option("--db", help="SQLite file or database URL that holds the operator's state.")]
Now = Annotated[
    str | None,
    typer.Option(
        "--now",
        help="Act as if it were this time (ISO 8601 UTC). Default: the programme's epoch (or the end of "
        "what is executed, if later); without an epoch the clock.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON instead of a table.")]
DEFAULT_DB = "./comity.db"


def console(*, stderr: bool = False) -> Console:
    """A console on the stream as it is now (tests and pipes swap streams); never narrower than 120 in a pipe.

    Markup is off: names and reasons are shown as they are, whatever brackets they hold.
    """
    stream = sys.stderr if stderr else sys.stdout
    plain = Console(file=stream, markup=False)
    if plain.is_terminal:
        return plain
    return Console(file=stream, markup=False, width=max(plain.width, 120))


@contextmanager
def open_store(db: str, *, create: bool = False) -> Iterator[SqlStore]:
    """The operator's store, closed at the end; a file that is not there is made only with ``create``."""
    from comity.stores import SqlStore

    if not create and "://" not in db and not Path(db).expanduser().exists():
        raise InputError(
            f"there is no database {db}: start one with 'comity programme use joint-eo --db {db}', "
            "or name the right one with --db"
        )

    store = SqlStore(db)
    try:
        yield store
    finally:
        store.close()


def time_of(store: Store, now: str | None) -> Epoch:
    """``--now``, or the programme's epoch, or the clock.

    Where a programme has an epoch and activities are already executed, the end of the last one: time
    does not run backwards behind what has happened.
    """
    if now is not None:
        return Epoch.from_iso(now)
    with store.read() as work:
        try:
            epoch = work.programme().epoch
        except StateError:
            epoch = None
        if epoch is None:
            return SystemClock().now()
        executed = [*work.activities.all(state="done"), *work.activities.all(state="failed")]
    return max([epoch, *(activity.interval.end for activity in executed)])


def print_json(value: object) -> None:
    """A record as JSON on standard output."""
    sys.stdout.write(json.dumps(encode(value), indent=1, ensure_ascii=False) + "\n")


@contextmanager
def progress_bar(title: str) -> Iterator[ProgressCallback]:
    """A progress bar on standard error, as a callback; silent where that is not a terminal."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("[dim]{task.fields[message]}"),
        TimeElapsedColumn(),
        console=console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(title, total=None, message="")

        def update(done: float, total: float, message: str, /) -> None:
            bar.update(task, completed=done, total=total, message=message)

        yield update
