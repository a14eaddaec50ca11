"""Backup and restore: the database as a file of its own, the delivered files, and a list with their sums.

The database in a backup is a Comity database in SQLite, whatever it was taken from, and can be restored into
either: that is also how an operator moves from SQLite to PostgreSQL. It is taken in one snapshot while the
server goes on; it holds what the database holds, secrets too.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, Table, func, insert, select, text

from comity import __version__
from comity.core import Epoch, InputError, Progress, read_text, silent, whole_path
from comity.stores import job_schema, schema
from comity.stores.archive_sql import DAY_US, DAYS_FROM_US
from comity.stores.database import HEAD, open_engine, reading

FORMAT = 1
DATABASE = "comity.db"
FILES = "files"
MANIFEST = "manifest.json"
_ROWS_AT_ONCE = 1_000

assert job_schema.jobs.metadata is schema.metadata  # its tables are among those copied


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSummary:
    """What a backup holds. ``rows``: of all tables; ``bytes``: of database and files."""

    folder: Path
    created: Epoch
    rows: int
    files: int
    bytes: int


def back_up(
    place: str, folder: Path, *, delivery: Path | None = None, now: Epoch, progress: Progress = silent
) -> BackupSummary:
    """Write a backup of the database at ``place``, and of the files under ``delivery``, to ``folder``.

    The folder appears whole, readable by its owner only, or not at all. Raises :class:`InputError` where it
    is there already, or ``delivery`` is not.
    """
    if folder.exists():
        raise InputError(f"{folder} is there already: name a folder that is not")
    if delivery is not None and not delivery.is_dir():
        raise InputError(f"delivery folder {delivery} is not there")
    engine = open_engine(place)
    try:
        with whole_path(folder) as part:
            part.mkdir(mode=0o700)
            progress(0, 3, "database")
            rows = _dump(engine, part / DATABASE)
            progress(1, 3, "files")
            files = [] if delivery is None else _copy_files(delivery, part / FILES)
            progress(2, 3, "sums")
            manifest = {
                "format": FORMAT,
                "comity": __version__,
                "schema": HEAD,
                "created": now.iso(),
                "tables": rows,
                "database": _described(part, part / DATABASE),
                "delivery": delivery is not None,
                "files": [_described(part, file) for file in files],
            }
            (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    finally:
        engine.dispose()
    progress(3, 3, str(folder))
    return _summary(folder, manifest)


def restore(
    folder: Path, place: str, *, delivery: Path | None = None, progress: Progress = silent
) -> BackupSummary:
    """Bring a backup into the empty database at ``place`` and the empty folder ``delivery``.

    Everything is checked against the backup's sums first; a backup of an older Comity is migrated on the
    way, and stays as it is. Raises :class:`InputError` for a backup that is not whole, and where database or
    folder hold something already. The database is filled in one transaction, after the files.
    """
    manifest = _checked(folder)
    if delivery is not None and delivery.exists() and any(delivery.iterdir()):
        raise InputError(f"delivery folder {delivery} is not empty: name an empty one")
    if manifest["delivery"] and delivery is None:
        raise InputError(f"{folder} holds {len(manifest['files'])} delivered files: say where they go")
    with TemporaryDirectory(prefix="comity-restore-") as scratch:
        copied = Path(scratch) / DATABASE
        shutil.copyfile(folder / DATABASE, copied)
        source, target = open_engine(str(copied)), open_engine(place)
        try:
            with source.connect() as old, target.begin() as new:
                for table in _tables(new):
                    if new.scalar(_count(table)):
                        raise InputError(
                            f"the database at hand is not empty ({table.name} has rows): name an empty one"
                        )
                progress(0, 2, "files")
                if delivery is not None and manifest["delivery"]:
                    _copy_files(folder / FILES, delivery)
                progress(1, 2, "database")
                _copy(old, new)
                _finish(new)
        finally:
            source.dispose()
            target.dispose()
    progress(2, 2, "restored")
    return _summary(folder, manifest)


def _tables(connection: Connection) -> list[Table]:
    """The tables of the database, as it has them: values are copied without being looked into."""
    found = MetaData()
    found.reflect(connection, only=[table.name for table in schema.metadata.sorted_tables])
    return [found.tables[table.name] for table in schema.metadata.sorted_tables]


def _count(table: Table) -> Any:
    return select(func.count()).select_from(table)


def _dump(engine: Engine, path: Path) -> dict[str, int]:
    """The database as a SQLite file, as it was at one instant."""
    path.touch(mode=0o600)
    target = open_engine(str(path))
    source = reading(engine)
    if engine.dialect.name == "postgresql":
        source = source.execution_options(isolation_level="REPEATABLE READ")
    try:
        with source.begin() as old, target.begin() as new:
            rows = _copy(old, new)
            _finish(new)
        return rows
    finally:
        target.dispose()


def _copy(old: Connection, new: Connection) -> dict[str, int]:
    """Every row of every table; how many of each."""
    to = {table.name: table for table in _tables(new)}
    counts = {}
    for table in _tables(old):
        counts[table.name] = 0
        key = list(table.primary_key.columns)
        for rows in (
            old.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table).order_by(*key)).partitions()
        ):
            new.execute(insert(to[table.name]), [dict(row._mapping) for row in rows])
            counts[table.name] += len(rows)
    return counts


def _finish(new: Connection) -> None:
    """What a database keeps beside its rows: PostgreSQL its sequences, SQLite its index of places."""
    if new.dialect.name == "sqlite":
        new.execute(
            text(
                "INSERT INTO archive_places SELECT seq, west, east, south, north, "
                "(start_us - :from_us) / :day, (end_us - :from_us) / :day FROM archive_items"
            ),
            {"from_us": DAYS_FROM_US, "day": float(DAY_US)},
        )
        return
    for table in schema.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = new.scalar(select(func.pg_get_serial_sequence(f'"{table.name}"', column.name)))
        last = new.scalar(select(func.max(column)))
        if sequence is not None and last is not None:
            new.execute(select(func.setval(sequence, last)))


def _copy_files(source: Path, target: Path) -> list[Path]:
    """Every whole file under ``source``; links are not followed out of it."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    copied = []
    for file in _files(source):
        to = target / file.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
        copied.append(to)
    return copied


def _files(folder: Path) -> Iterator[Path]:
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.endswith(".part"))
        for name in sorted(names):
            path = Path(base, name)
            if not name.endswith(".part") and path.is_file() and not path.is_symlink():
                yield path


def _described(folder: Path, file: Path) -> dict[str, Any]:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {"path": file.relative_to(folder).as_posix(), "size": file.stat().st_size, "sha256": digest}


def _checked(folder: Path) -> Mapping[str, Any]:
    """The manifest of a backup that is whole."""
    try:
        manifest = json.loads(read_text(folder / MANIFEST))
        known = manifest["format"]
        parts = [manifest["database"], *manifest["files"]]
        paths = [str(part["path"]) for part in parts]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{folder / MANIFEST} is no list of a backup: {error}") from error
    if known != FORMAT:
        raise InputError(f"{folder} is a backup of form {known}; this Comity reads form {FORMAT}")
    for part, path in zip(parts, paths, strict=True):
        file = folder / path
        if not file.resolve().is_relative_to(folder.resolve()) or not file.is_file():
            raise InputError(f"{folder} is not whole: {path} is missing")
        if _described(folder, file) != part:
            raise InputError(f"{folder} is not whole: {path} is not what was backed up (its SHA-256 differs)")
    return dict(manifest)


def _summary(folder: Path, manifest: Mapping[str, Any]) -> BackupSummary:
    files = manifest["files"]
    return BackupSummary(
        folder=folder,
        created=Epoch.from_iso(manifest["created"]),
        rows=sum(manifest["tables"].values()),
        files=len(files),
        bytes=sum(part["size"] for part in [manifest["database"], *files]),
    )
