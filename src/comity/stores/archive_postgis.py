"""The archive's geometries in PostGIS, where the database has it: exact predicates from a GiST index.

``archive_grounds`` holds each item's geometry and time; a trigger of the database fills it, so that whoever
writes the index keeps it. PostGIS is used where its extension is in the database when the tables are made, or
from ``comity archive index`` on, which creates the extension where it may.
"""

from __future__ import annotations

from typing import Any

import shapely
import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

#: How CQL2's predicates are called there; the item's geometry comes first.
FUNCTIONS = {
    "s_intersects": "ST_Intersects", "s_disjoint": "ST_Disjoint", "s_within": "ST_Within",
    "s_contains": "ST_Contains", "s_equals": "ST_Equals", "s_touches": "ST_Touches",
    "s_crosses": "ST_Crosses", "s_overlaps": "ST_Overlaps",
}  # fmt: skip
_SRID = 4326
_IN_USE = (
    "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
    "WHERE e.extname = 'postgis' AND to_regclass('archive_grounds') IS NOT NULL"
)
_INSTALLED = (
    "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
    "WHERE e.extname = 'postgis'"
)
_FILL = (
    "SELECT d.seq, {home}.ST_SetSRID({home}.ST_GeomFromWKB(d.shape), {srid}), "
    "int8range(i.start_us, i.end_us, '[]') FROM archive_items i"
)


def postgis_home(connection: Connection) -> str | None:
    """The schema of PostGIS where the archive uses it, quoted; else None."""
    if connection.dialect.name != "postgresql":
        return None
    home = connection.exec_driver_sql(_IN_USE).scalar()
    return None if home is None else _quoted(connection, home)


def use_postgis(connection: Connection, *, create: bool) -> bool:
    """Keep the geometries with PostGIS from now on; whether that can be.

    ``create``: make the extension where the server has it and the user may.
    """
    if connection.dialect.name != "postgresql":
        return False
    if postgis_home(connection) is not None:
        return True
    if create and connection.exec_driver_sql(_INSTALLED).scalar() is None:
        try:
            with connection.begin_nested():
                connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS postgis")
        except DBAPIError:
            return False
    found = connection.exec_driver_sql(_INSTALLED).scalar()
    if found is None:
        return False
    home = _quoted(connection, found)
    fill = _FILL.format(home=home, srid=_SRID)
    for statement in (
        f"CREATE TABLE archive_grounds (seq integer PRIMARY KEY REFERENCES archive_items (seq) "
        f"ON DELETE CASCADE, ground {home}.geometry(Geometry, {_SRID}) NOT NULL, during int8range NOT NULL)",
        "CREATE FUNCTION archive_ground() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO archive_grounds "
        + fill.replace("d.", "NEW.")
        + " WHERE i.seq = NEW.seq; RETURN NULL; END $$",
        "CREATE TRIGGER archive_ground AFTER INSERT ON archive_documents "
        "FOR EACH ROW EXECUTE FUNCTION archive_ground()",
        f"INSERT INTO archive_grounds {fill} JOIN archive_documents d ON d.seq = i.seq",
        "CREATE INDEX ix_archive_grounds_ground ON archive_grounds USING gist (ground, during)",
        "ANALYZE archive_grounds",
    ):
        connection.exec_driver_sql(statement)
    return True


def relates(home: str, op: str, geometry: BaseGeometry, name: str) -> sa.TextClause:
    """That the ground of ``archive_grounds`` lies so to a geometry; ``name``: of the parameter."""
    told = sa.text(
        f"{home}.{FUNCTIONS[op]}(archive_grounds.ground, "
        f"{home}.ST_SetSRID({home}.ST_GeomFromWKB(:{name}), {_SRID}))"
    )
    return told.bindparams(sa.bindparam(name, shapely.to_wkb(geometry), type_=sa.LargeBinary()))


def grounds() -> Any:
    """The table, where there is one."""
    return sa.table("archive_grounds", sa.column("seq"), sa.column("ground"), sa.column("during"))


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)
