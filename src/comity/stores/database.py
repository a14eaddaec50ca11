"""Opening the operator's database: the engine, whole transactions, migrations."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    SQLAlchemyError,
)

from comity.core import ComityError, InputError, StateError
from comity.operations.ports import StoreError

#: The newest migration; a database that says so is opened without Alembic.
HEAD = "0010"
#: Tables that PostGIS brings into a database.
_POSTGIS = {"spatial_ref_sys"}
#: Key of the lock under which all of Comity's transactions in a PostgreSQL database run ("comity").
ADVISORY_LOCK = 0x636F6D697479
#: How long a transaction waits for another's lock before it is refused (ms).
LOCK_WAIT_MS = 30_000
#: A PostgreSQL transaction whose client says nothing for so long is ended: its machine is gone (s).
_IDLE_S = 300
#: What a PostgreSQL connection asks for unless its URL says otherwise: a server that is away is noticed.
_ARGUMENTS = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}

_under_way = threading.local()


def database_url(place: str) -> str:
    """``place`` as a SQLAlchemy URL: a URL stays, anything else is the path of a SQLite file."""
    return place if "://" in place else f"sqlite:///{Path(place).expanduser().resolve()}"


def open_engine(place: str) -> Engine:
    """Engine of the database at ``place`` (file or URL), created or migrated to :data:`HEAD`.

    Raises :class:`InputError` when it is not a Comity database or cannot be opened.
    """
    try:
        url = make_url(database_url(place))
        if url.get_backend_name() == "sqlite" and url.database:
            _check_sqlite_file(Path(url.database))
        engine = create_engine(url, hide_parameters=True, **_options(url))
    except ModuleNotFoundError as error:
        raise InputError(
            f"database {_shown(place)} needs the package {error.name}: for PostgreSQL install "
            "'comity[postgres]' and write postgresql+psycopg://…"
        ) from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise InputError(f"database {_shown(place)} cannot be opened: {error}") from error
    except ValueError as error:  # its text may hold the password
        raise InputError(
            "the database URL cannot be read: write postgresql+psycopg://USER:PASSWORD@HOST:PORT/NAME, with "
            "%40 for @, %2F for / and %5B for [ in the password"
        ) from error
    if engine.dialect.name == "sqlite":
        _whole_sqlite_transactions(engine)
    elif engine.dialect.name == "postgresql":
        _one_transaction_at_a_time(engine)
    try:
        _migrate(engine, place)
    except DBAPIError as error:
        raise InputError(f"database {_shown(place)} cannot be used: {error.orig}") from error
    return engine


def _options(url: URL) -> dict[str, Any]:
    """A pool that looks whether a connection still lives before it is given out."""
    if url.get_backend_name() != "postgresql":
        return {}
    arguments = {name: value for name, value in _ARGUMENTS.items() if name not in url.query}
    return {"pool_pre_ping": True, "connect_args": arguments}


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed at the end of ``with``, rolled back on an error.

    What the database itself refuses is raised as :class:`StoreError` (away, locked for too long, read-only,
    disk full), or as :class:`StateError` where it is the content (a record of that name exists). A
    transaction within another of the same thread that writes would wait for it for ever, and is an error.
    """
    try:
        with engine.begin() as connection, _one_of_this_thread(connection):
            yield connection
    except SQLAlchemyError as error:
        raise refusal(error) from error


@contextmanager
def _one_of_this_thread(connection: Connection) -> Iterator[None]:
    if _only_reads(connection) or (
        connection.dialect.name == "postgresql" and _locks_rows(connection)  # those wait at rows only
    ):
        yield
        return
    held: set[int] = _under_way.__dict__.setdefault("held", set())
    held.add(id(connection.engine.pool))
    try:
        yield
    finally:
        held.discard(id(connection.engine.pool))


def _refuse_nested(connection: Connection) -> None:
    if id(connection.engine.pool) in _under_way.__dict__.get("held", ()):
        raise ComityError("a transaction was begun within another of the same thread")


def refusal(error: SQLAlchemyError) -> ComityError:
    """Our error for one of the database's."""
    said = " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split())
    if isinstance(error, IntegrityError | DataError):
        return StateError(f"the database refused: {said}; nothing was changed, try again")
    return StoreError(f"the database refused: {said}; try again")


def _shown(place: str) -> str:
    """A database's name for a message: without its password."""
    try:
        return make_url(database_url(place)).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "as named"


def _check_sqlite_file(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"database {str(path)!r} is a folder: name a file, e.g. {path / 'comity.db'}")
    if not path.parent.is_dir():
        raise InputError(f"database {str(path)!r}: folder {str(path.parent)!r} does not exist")
    if path.exists() and path.stat().st_size:
        with path.open("rb") as file:
            if file.read(16) != b"SQLite format 3\0":
                raise InputError(f"{str(path)!r} is not a SQLite database: choose another --db")


def _whole_sqlite_transactions(engine: Engine) -> None:
    """Give SQLAlchemy, not the driver, the say over BEGIN, so that DDL and reads are inside it too."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_MS}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        if not _only_reads(connection):
            _refuse_nested(connection)
        connection.exec_driver_sql("BEGIN" if _only_reads(connection) else "BEGIN IMMEDIATE")


def _one_transaction_at_a_time(engine: Engine) -> None:
    """Make PostgreSQL's transactions wait for each other, as SQLite's do: they read before they write."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {LOCK_WAIT_MS}")
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_S}s'")
        connection.commit()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        if _only_reads(connection):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        elif not _locks_rows(connection):
            _refuse_nested(connection)
            if connection.get_execution_options().get("comity_waits"):
                connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")


def _only_reads(connection: Any) -> bool:
    """Whether this is of :func:`reading`."""
    return bool(connection.get_execution_options().get("comity_only_reads"))


def reading(engine: Engine) -> Engine:
    """The same database, for transactions that only read: each sees one moment, and waits for no other."""
    return engine.execution_options(comity_only_reads=True)


def _locks_rows(connection: Any) -> bool:
    """Whether this is of :func:`locking_rows`."""
    return bool(connection.get_execution_options().get("comity_locks_rows"))


def locking_rows(engine: Engine) -> Engine:
    """The same database, for transactions that lock each row they read and write: on PostgreSQL they wait
    for no other but at those rows (the queue of jobs)."""
    return engine.execution_options(comity_locks_rows=True)


def serve_many(engine: Engine) -> None:
    """Let readers of a SQLite file not wait for its writer (write-ahead log); kept by the file."""
    if engine.dialect.name == "sqlite" and engine.url.database:
        raw = engine.raw_connection()
        try:
            cursor = raw.cursor()
            # Asked first: to set what is set already is refused while another writes.
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                cursor.execute("PRAGMA journal_mode = WAL")
            cursor.close()
        finally:
            raw.close()


def _migrate(engine: Engine, place: str) -> None:
    # Another's migration of a full database is waited for, however long it takes.
    with engine.execution_options(comity_waits=True).begin() as connection:
        tables = set(inspect(connection).get_table_names()) - _POSTGIS
        version = None
        if "alembic_version" in tables:
            version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        elif tables:
            raise InputError(f"{place!r} is a database of something else (tables {sorted(tables)[:3]})")
        if version == HEAD:
            return
        # Alembic costs a third of a second to import: only pay when there is something to migrate.
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(files("comity.stores").joinpath("migrations")))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise InputError(f"{place!r} was written by a newer Comity ({version}): {error}") from error
