"""Opening the operator's database: the engine, whole transactions, migrations."""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from comity.core import InputError

#: The newest migration; a database that says so is opened without Alembic.
HEAD = "0005"
#: Key of the lock under which all of Comity's transactions in a PostgreSQL database run ("comity").
ADVISORY_LOCK = 0x636F6D697479


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
        engine = create_engine(url)
    except ModuleNotFoundError as error:
        raise InputError(
            f"database {_shown(place)} needs the package {error.name}: for PostgreSQL install "
            "'comity[postgres]' and write postgresql+psycopg://…"
        ) from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise InputError(f"database {_shown(place)} cannot be opened: {error}") from error
    if engine.dialect.name == "sqlite":
        _whole_sqlite_transactions(engine)
    elif engine.dialect.name == "postgresql":
        _one_transaction_at_a_time(engine)
    try:
        _migrate(engine, place)
    except DBAPIError as error:
        raise InputError(f"database {_shown(place)} cannot be used: {error.orig}") from error
    return engine


def _shown(place: str) -> str:
    """A database's name for a message: without its password."""
    try:
        return make_url(database_url(place)).render_as_string(hide_password=True)
    except ArgumentError:
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
        cursor.execute("PRAGMA busy_timeout = 30000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN" if _only_reads(connection) else "BEGIN IMMEDIATE")


def _one_transaction_at_a_time(engine: Engine) -> None:
    """Make PostgreSQL's transactions wait for each other, as SQLite's do: they read before they write."""

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        if not (_only_reads(connection) or _locks_rows(connection)):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")


def _only_reads(connection: Any) -> bool:
    """Whether this is of :func:`reading`."""
    return bool(connection.get_execution_options().get("comity_only_reads"))


def reading(engine: Engine) -> Engine:
    """The same database, for transactions that only read: they wait for no other."""
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
            raw.cursor().execute("PRAGMA journal_mode = WAL").close()
        finally:
            raw.close()


def _migrate(engine: Engine, place: str) -> None:
    with engine.begin() as connection:
        tables = set(inspect(connection).get_table_names())
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
