"""Brings the tables up to date: ordered SQL files, each applied once, in its own transaction."""

from hashlib import blake2b
from pathlib import Path

import duckdb

from warehouse.errors import WarehouseError
from warehouse.sql import load_sql

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: duckdb.DuckDBPyConnection, folder: Path = MIGRATIONS) -> list[str]:
    """Apply the migrations that this warehouse has not seen; returns their names.

    Raises:
        WarehouseError: an applied migration was edited since or is not known here, or a new one fails.
    """
    files = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("m*.sql"))}
    hashes = {name: blake2b(text.encode(), digest_size=8).hexdigest() for name, text in files.items()}
    connection.execute(load_sql("create_applied_migrations"))
    applied: dict[str, str] = dict(connection.execute(load_sql("applied_migrations")).fetchall())
    if strangers := sorted(applied.keys() - files.keys()):
        raise WarehouseError(
            f"this warehouse was written by a newer version: it has migration {strangers[-1]}, unknown here; "
            "update the program, or point POLYREC_HOME at another folder"
        )
    for name, content_hash in applied.items():
        if hashes[name] != content_hash:
            raise WarehouseError(
                f"migration {name} was edited after this warehouse applied it; put the change into a new "
                "migration file, or delete warehouse/data and run again"
            )
    new = [name for name in files if name not in applied]
    for name in new:
        connection.begin()
        try:
            connection.execute(files[name])
            connection.execute(load_sql("record_migration"), {"name": name, "content_hash": hashes[name]})
            connection.commit()
        except duckdb.Error as error:
            connection.rollback()
            raise WarehouseError(
                f"migration {name} failed and was undone: {error}; mend that file"
            ) from error
    return new
