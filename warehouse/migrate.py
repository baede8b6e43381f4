"""Brings the tables up to date: ordered SQL files, each applied once, in its own transaction."""

from hashlib import blake2b
from pathlib import Path

import duckdb

from warehouse.errors import WarehouseError
from warehouse.saved_matchers import MIGRATION, convert_saved_matchers
from warehouse.sql import load_sql

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(
    connection: duckdb.DuckDBPyConnection, folder: Path = MIGRATIONS, data_folder: Path | None = None
) -> list[str]:
    """Apply the migrations that this warehouse has not seen; returns their names.

    Matchers that are saved in `data_folder`, the warehouse's own, are brought up to date before its tables:
    after a kill in between, both are done again.

    Raises:
        WarehouseError: an applied migration was edited since or is not known here, or a new one fails.
    """
    connection.execute(load_sql("create_applied_migrations"))
    new = unseen(connection, folder)
    if data_folder is not None and MIGRATION in new:
        convert_saved_matchers(data_folder)
    for name, (text, content_hash) in new.items():
        connection.begin()
        try:
            connection.execute(text)
            connection.execute(load_sql("record_migration"), {"name": name, "content_hash": content_hash})
            connection.commit()
        except duckdb.Error as error:
            connection.rollback()
            raise WarehouseError(
                f"migration {name} failed and was undone: {error}; mend that file"
            ) from error
    return list(new)


def unseen(connection: duckdb.DuckDBPyConnection, folder: Path = MIGRATIONS) -> dict[str, tuple[str, str]]:
    """Name to text and hash of the migrations that the tables of a warehouse or a snapshot lack.

    Raises:
        WarehouseError: an applied migration was edited since, or is not known here.
    """
    files = {}
    for path in sorted(folder.glob("m*.sql")):
        text = path.read_text(encoding="utf-8")
        files[path.stem] = text, blake2b(text.encode(), digest_size=8).hexdigest()
    applied: dict[str, str] = dict(connection.execute(load_sql("applied_migrations")).fetchall())
    if strangers := sorted(applied.keys() - files.keys()):
        raise WarehouseError(
            f"this warehouse was written by a newer version: it has migration {strangers[-1]}, unknown here; "
            "update the program, or point POLYREC_HOME at another folder"
        )
    for name, content_hash in applied.items():
        if files[name][1] != content_hash:
            raise WarehouseError(
                f"migration {name} was edited after this warehouse applied it; put the change into a new "
                "migration file, or delete warehouse/data and run again"
            )
    return {name: file for name, file in files.items() if name not in applied}
