"""SQL statements live in files; this reads them, and brings results back as Polars frames."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Protocol

import duckdb
import polars as pl

from warehouse.errors import WarehouseError

QUERIES = Path(__file__).parent / "queries"

# Without the first, DuckDB tries for seconds to download extensions; without the second, a name in a query
# that is no table is looked up among the caller's Python variables; the third makes times read alike.
DUCKDB_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "python_enable_replacements": False,
    "TimeZone": "UTC",
}


class Reader(Protocol):
    """What answers queries: the warehouse, or a published snapshot of it."""

    def query(self, name: str, /, **parameters: object) -> pl.DataFrame:
        """Run a stored query."""
        ...


@cache
def load_sql(name: str) -> str:
    """The text of warehouse/queries/<name>.sql."""
    path = QUERIES / f"{name}.sql"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in QUERIES.glob("*.sql")))
        raise WarehouseError(f"no query '{name}' in warehouse/queries; there are: {known}")
    return path.read_text(encoding="utf-8")


def plain(values: Mapping[str, object]) -> dict[str, object]:
    """Parameters as DuckDB takes them: tuples, sets and series become lists."""
    return {
        key: list(value) if isinstance(value, (tuple, set, frozenset, pl.Series)) else value
        for key, value in values.items()
    }


def run_query(
    connection: duckdb.DuckDBPyConnection, name: str, parameters: Mapping[str, object]
) -> pl.DataFrame:
    """Run a named query with its `$parameters` and return all its rows."""
    return fetch(connection, load_sql(name), plain(parameters), f"query '{name}'")


def fetch(
    connection: duckdb.DuckDBPyConnection, statement: str, parameters: Mapping[str, object], what: str
) -> pl.DataFrame:
    """All rows of a statement; `what` names it in the error."""
    try:
        return connection.sql(statement, params=dict(parameters) or None).pl()
    except duckdb.Error as error:
        raise WarehouseError(f"{what} failed: {error}") from error


def quoted(table: str) -> str:
    """A `schema.table` name as SQL reads it, whatever characters it holds."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))


def name_of(identifier: str) -> str:
    """One name as SQL reads it; unlike `quoted`, a dot in it is part of the name."""
    return '"' + identifier.replace('"', '""') + '"'


def text_of(value: str) -> str:
    """A text as SQL reads it, for places where DuckDB takes no parameter."""
    return "'" + value.replace("'", "''") + "'"
