"""Removes a person from the warehouse: every table with their id, quarantine, snapshots, the file itself.

What stays is a salted hash of the id in ops.forgotten, by which ingest knows whom to leave out.
"""

import secrets
from pathlib import Path

import duckdb

from warehouse.columns import USER
from warehouse.connection import DATABASE, Warehouse
from warehouse.errors import WarehouseError
from warehouse.near import near
from warehouse.snapshot import current_snapshot, write_snapshot
from warehouse.spool import Spool
from warehouse.sql import DUCKDB_CONFIG, name_of, quoted, run_query

QUARANTINE = "quarantine.rows"


def rows_of(warehouse: Warehouse, user_id: str) -> dict[str, int]:
    """How many rows each table has of a user; tables without any are left out."""
    with warehouse.second_connection() as connection:
        counts = _counts(connection, user_id)
    counts[QUARANTINE] = warehouse.query("quarantined_of_user", user_id=user_id).height
    return {table: rows for table, rows in counts.items() if rows}


def known_rows(warehouse: Warehouse, user_id: str) -> dict[str, int]:
    """Give the rows of a user that there is, or that there was: a removal that was killed can be finished.

    Raises:
        WarehouseError: the user is in no table and was not forgotten before either.
    """
    found = rows_of(warehouse, user_id)
    if not found and not warehouse.query("is_user_forgotten", user_id=user_id)["forgotten"][0]:
        raise WarehouseError(f"no user {user_id!r} in any table; {near(warehouse, 'users', user_id)}")
    return found


def forget_rows(warehouse: Warehouse, user_id: str) -> dict[str, int]:
    """Remove a user from every table and remember the hash, all or nothing; returns the rows removed.

    It raises what `known_rows` does.
    """
    Spool(warehouse).recover()  # what a killed run left goes to its tables first
    found = known_rows(warehouse, user_id)
    with warehouse.transaction():
        warehouse.execute("record_forgotten", user_id=user_id, salt=secrets.token_hex(16))
        for table in found:
            if table == QUARANTINE:
                named = warehouse.query("quarantined_of_user", user_id=user_id)["row"].to_list()
                warehouse.execute("forget_quarantined", named=named)
            else:
                warehouse.delete(table, {USER: user_id})
        warehouse.execute("recount_publications")
    return found


def forget_in_snapshots(warehouse: Warehouse, user_id: str) -> list[str]:
    """Point readers at a snapshot without the user, and remove those that hold them; returns their names."""
    folder = warehouse.folder / "snapshots"
    holding = [path for path in sorted(folder.glob("snapshot-*.duckdb")) if _holds(path, user_id)]
    current = warehouse.query("current_publication")
    if current.height and current_snapshot(warehouse.folder) in holding:
        write_snapshot(warehouse, current["publication_id"][0])
    for path in (*holding, *folder.glob("*.tmp*")):
        path.unlink()
    return [path.name for path in holding]


def _holds(path: Path, user_id: str) -> bool:
    """Whether a snapshot names the user; one that cannot be read is taken to."""
    try:
        with duckdb.connect(path, read_only=True, config=DUCKDB_CONFIG) as connection:
            return any(_counts(connection, user_id).values())
    except duckdb.Error:
        return True


def _counts(connection: duckdb.DuckDBPyConnection, user_id: str) -> dict[str, int]:
    """Rows of a user in each table that has their column: found from the catalogue, so a new table is too."""
    counts = {}
    for table in run_query(connection, "tables_with_column", {"column": USER})["table_name"]:
        statement = f"select count(*) from {quoted(table)} where {name_of(USER)} = $user_id"
        (counts[table],) = connection.execute(statement, {"user_id": user_id}).fetchone() or (0,)
    return counts


def exists(folder: Path) -> bool:
    """Whether there is a warehouse in a folder, without making one."""
    return (folder / DATABASE).exists()
