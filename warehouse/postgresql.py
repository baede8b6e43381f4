"""Tables of a PostgreSQL server, read at one moment."""

from importlib import import_module
from typing import Any

import pyarrow as pa

from warehouse.sql import name_of
from warehouse.staging import NotRead


def read_table(connection: str, table: str, first: int | None = None) -> tuple[pa.Table, int]:
    """Read a table; returns its rows, and how many the server counts at the same moment.

    Args:
        connection: `postgresql://user@host/name`.
        table: Its name, perhaps after its schema's and a point.
        first: Read only so many rows.

    Raises:
        ImportError: the driver is not installed.
        NotRead: the server says no.
    """
    dbapi: Any = import_module("adbc_driver_postgresql.dbapi")
    origin = ".".join(name_of(part) for part in table.split("."))
    try:
        with dbapi.connect(connection) as opened, opened.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read")
            cursor.execute(f"select count(*) from {origin}")
            counted = cursor.fetchone()
            assert counted is not None
            cursor.execute(f"select * from {origin}" + (f" limit {first}" if first is not None else ""))
            return cursor.fetch_arrow_table(), int(counted[0])
    except dbapi.Error as error:
        raise NotRead(str(error).strip()) from error
