"""Empty databases for tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa


def empty_database(kind: str, folder: Path) -> Iterator[str]:
    """SQLAlchemy URL of an empty database while it is iterated: ``sqlite`` in ``folder``, ``postgresql``, or
    ``postgis``, which is PostgreSQL with PostGIS.

    PostgreSQL is used where COMITY_TEST_DATABASE_URL names one (a schema of its own for each test,
    dropped after it); elsewhere that is a skip, or a failure under COMITY_REQUIRE_DATABASE.
    """
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'comity.db'}"
        return
    server = _server()
    with _schema(_with_postgis(server) if kind == "postgis" else server) as url:
        yield url


def _server() -> str:
    server = os.environ.get("COMITY_TEST_DATABASE_URL")
    if not server:
        message = "PostgreSQL is not set up (COMITY_TEST_DATABASE_URL is not set)"
        if os.environ.get("COMITY_REQUIRE_DATABASE"):
            pytest.fail(message)
        pytest.skip(message)
    return server


@cache
def _with_postgis(server: str) -> str:
    """A database of the server that has PostGIS; made when it is first asked for."""
    url = sa.make_url(server).set(database="comity_postgis")
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        known = connection.exec_driver_sql("SELECT 1 FROM pg_database WHERE datname = 'comity_postgis'")
        if known.scalar() is None:
            with suppress(sa.exc.DBAPIError):  # another process made it meanwhile
                connection.exec_driver_sql("CREATE DATABASE comity_postgis")
    own = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    try:
        with own.connect() as connection:
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS postgis")
    except sa.exc.DBAPIError as error:
        message = f"PostGIS is not installed on the server: {error.orig}"
        if os.environ.get("COMITY_REQUIRE_DATABASE"):
            pytest.fail(message)
        pytest.skip(message)
    return url.render_as_string(hide_password=False)


@contextmanager
def _schema(server: str) -> Iterator[str]:
    schema = f"test_{uuid4().hex}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    try:
        yield f"{server}{'&' if '?' in server else '?'}options=-csearch_path={schema}"
    finally:
        with admin.connect() as connection:
            connection.execute(sa.schema.DropSchema(schema, cascade=True))
        admin.dispose()
