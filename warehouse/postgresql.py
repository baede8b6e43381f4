"""Tables of a PostgreSQL server, read at one moment."""

from importlib import import_module
from typing import Any

import pyarrow as pa

from warehouse.errors import SourceError
from warehouse.sql import quoted


def read_table(connection: str, table: str, name: str) -> tuple[pa.Table, int]:
    """Read a table; returns its rows, and how many the server counts at the same moment.

    The connection is `postgresql://user@host/name`; messages call the table by `name`.

    Raises:
        SourceError: the driver is not installed, or the server says no.
    """
    try:
        dbapi: Any = import_module("adbc_driver_postgresql.dbapi")
    except ImportError as error:
        raise SourceError(
            "reading from PostgreSQL needs a further package; run: pip install adbc-driver-postgresql"
        ) from error
    try:
        with dbapi.connect(connection) as opened, opened.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read")
            cursor.execute(f"select count(*) from {quoted(table)}")
            counted = cursor.fetchone()
            assert counted is not None
            cursor.execute(f"select * from {quoted(table)}")
            return cursor.fetch_arrow_table(), int(counted[0])
    except dbapi.Error as error:
        raise SourceError(
            f"cannot read {name}: {str(error).strip()}; in the TOML: "
            'connection = "postgresql://user@host/name", table = "schema.table"'
        ) from error
