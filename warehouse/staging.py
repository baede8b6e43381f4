"""Delivered rows before anything is judged: one table a source, all text, in a database in memory.

A table's rowid is the ordinal of a row, which costs nothing; a number given by a window function would read
the file on one core. The view `staging.<kind>` puts the sources of a kind together, columns by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from warehouse.connection import Warehouse
from warehouse.sql import DUCKDB_CONFIG, name_of, text_of

LINE = "line of the file"
"""The hidden column of a source whose reader knew where each row begins."""

OWN_COLUMNS = ("source", "record", LINE)
REJECTS_LIMIT = 100_000
BAD_COLUMNS = ("kind", "source", "line", "field", "reason", "content")


class NotRead(Exception):
    """DuckDB cannot read a file as it is; another reader has to."""


@dataclass(frozen=True)
class CsvFormat:
    """How fields and rows of a CSV file are told apart."""

    delimiter: str
    quote: str
    encoding: str
    compression: str
    skip: int
    max_line_bytes: int


@dataclass(frozen=True)
class Reject:
    """Where DuckDB found a row that it did not take."""

    position: int
    """Bytes from the file's begin, give or take the line ends before it."""
    reason: str


class Staging:
    """The staged tables of one kind: items, users, interactions, searches or triples."""

    def __init__(self, warehouse: Warehouse, kind: str) -> None:
        self.kind = kind
        self._warehouse = warehouse
        self._connection = warehouse.second_connection()
        self._run("attach if not exists ':memory:' as staging")
        self._run(
            "create table if not exists staging.bad (kind varchar, source varchar, line bigint, "
            "field varchar, reason varchar, content varchar)"
        )
        self._drop()

    def _drop(self) -> None:
        self._run(f"drop view if exists staging.{name_of(self.kind)}")
        names = self._run(
            "select table_name from duckdb_tables() "
            "where database_name = 'staging' and starts_with(table_name, ?)",
            [f"{self.kind}:"],
        )
        for (name,) in names:
            self._run(f"drop table staging.{name_of(name)}")
        self._run("delete from staging.bad where kind = ?", [self.kind])

    def _table(self, number: int, what: str = "") -> str:
        return f"staging.{name_of(f'{self.kind}:{number}{what}')}"

    def close(self) -> None:
        """End the connection; the tables stay."""
        self._connection.close()

    def read_csv(
        self, number: int, path: Path, columns: Sequence[str], how: CsvFormat
    ) -> tuple[int, list[Reject]]:
        """Read a CSV file over all cores.

        Args:
            number: Which of the kind's sources it is.
            path: The file.
            columns: Names of its fields, in order.
            how: Its format.

        Returns:
            How many rows were taken, and where rows were not, in order.

        Raises:
            NotRead: the file as a whole, or more rows than can be listed, cannot be read in this way.
        """
        if set("*?[]{}") & set(str(path)):
            raise NotRead("DuckDB takes the name for a pattern")
        fields = ", ".join(f"{text_of(name)}: 'VARCHAR'" for name in columns)
        statement = f"""
            create or replace table {self._table(number)} as select * from read_csv({text_of(str(path))},
                auto_detect = false, header = false, skip = {how.skip}, columns = {{{fields}}},
                delim = {text_of(how.delimiter)}, quote = {text_of(how.quote)}, escape = {text_of(how.quote)},
                encoding = {text_of(how.encoding)}, compression = {text_of(how.compression)},
                max_line_size = {how.max_line_bytes}, strict_mode = true, null_padding = false,
                store_rejects = true, rejects_limit = {REJECTS_LIMIT})
        """
        for name in ("reject_errors", "reject_scans"):
            self._run(f"drop table if exists {name}")
        try:
            self._run(statement)
            found = self._run(
                "select line_byte_position, string_agg(distinct error_type::varchar, ', ') "
                "from reject_errors group by 1 order by 1"
            )
            n_rows = self._count(self._table(number))
        except duckdb.Error as error:
            raise NotRead(str(error)) from error
        return n_rows, [Reject(*row) for row in found]

    def read_parquet(self, number: int, path: Path) -> int:
        """Read a Parquet file over all cores; returns the number of rows."""
        if set("*?[]{}") & set(str(path)):
            raise NotRead("DuckDB takes the name for a pattern")
        return self._as_text(number, f"read_parquet({text_of(str(path))})")

    def read_arrow(self, number: int, rows: pa.Table | pa.RecordBatchReader, with_lines: bool = False) -> int:
        """Take over rows that another reader delivers, perhaps with the column LINE; returns their number."""
        self._connection.register("delivered rows", rows)
        try:
            return self._as_text(number, name_of("delivered rows"), with_lines)
        finally:
            self._connection.unregister("delivered rows")

    def read_lines(self, number: int, rows: pa.RecordBatchReader, columns: Sequence[str]) -> int:
        """Take over rows of text whose last column is the line where they begin; returns their number."""
        self._connection.register("delivered rows", rows)
        names = ", ".join(name_of(name) for name in (*columns, LINE))
        try:
            self._run(
                f'create or replace table {self._table(number)} as select {names} from "delivered rows"'
            )
        finally:
            self._connection.unregister("delivered rows")
        return self._count(self._table(number))

    def read_database(self, number: int, path: Path, table: str) -> tuple[int, int]:
        """Read a table of another DuckDB file; returns how many rows were read, and how many it counts."""
        run = self._run
        try:
            run(f"attach {text_of(str(path))} as delivered (read_only)")
        except duckdb.Error as error:
            raise NotRead(str(error)) from error
        try:
            origin = "delivered." + ".".join(name_of(part) for part in table.split("."))
            run("begin")
            try:
                counted = self._count(origin)
                rows = self._as_text(number, origin)
                run("commit")
            except duckdb.Error as error:
                run("rollback")
                raise NotRead(str(error)) from error
            except NotRead:
                run("rollback")
                raise
            return rows, counted
        finally:
            run("detach delivered")

    def spread_json(self, number: int, text: str) -> tuple[list[str], list[tuple[int, str, str]]]:
        """Turn a source of JSON lines into columns, in place.

        Args:
            number: Which of the kind's sources it is.
            text: The column that holds the JSON.

        Returns:
            The keys found, in order of appearance; and what is no JSON object: line, reason, content.
        """
        column, run, staged = name_of(text), self._run, self._table(number)
        # A parallel reader is only kept when every line is a row.
        kept = any(name == LINE for name, _ in self._described(staged))
        line = name_of(LINE) if kept else "rowid + 1"
        table = f"(select {column}, {line} as {name_of(LINE)} from {staged})"
        bad = run(
            f"""select {name_of(LINE)}, case when json_valid({column}) then 'is JSON, but not an object'
                    else 'is not JSON' end, left({column}, 1000)
                from {table} where not json_valid({column}) or json_type({column}) <> 'OBJECT' order by 1"""
        )
        good = f"(select * from {table} where json_valid({column}) and json_type({column}) = 'OBJECT')"
        keys = [
            key
            for (key,) in run(
                f"""select key from (select unnest(keys) as key, unnest(range(len(keys))) as place, line
                    from (select json_keys({column}) as keys, {name_of(LINE)} as line from {good}))
                    group by key order by min(line), min(place), key"""
            )
        ]
        fields = "".join(
            f"json_extract_string({column}, {text_of('/' + key.replace('~', '~0').replace('/', '~1'))}) "
            f"as {name_of(f'{at}')}, "
            for at, key in enumerate(keys)
        )
        spread = self._table(number, " spread")
        run(f"create or replace table {spread} as select {fields}{name_of(LINE)} from {good}")
        run(f"drop table {staged}")
        return keys, bad

    def name_json(self, number: int, columns: Sequence[str]) -> None:
        """Give the columns that `spread_json` made their names."""
        run = self._run
        names = "".join(f"{name_of(f'{at}')} as {name_of(name)}, " for at, name in enumerate(columns))
        spread = self._table(number, " spread")
        run(f"create table {self._table(number)} as select {names}{name_of(LINE)} from {spread}")
        run(f"drop table {spread}")

    def columns(self, number: int) -> list[str]:
        """The delivered columns of a source."""
        return [name for name, _ in self._described(self._table(number)) if name != LINE]

    def bad(self, rows: Sequence[tuple[str, int, str | None, str, str]]) -> None:
        """Set rows aside: source, line, field, reason, content."""
        if not rows:
            return
        columns = list(zip(*((self.kind, *row) for row in rows), strict=True))
        types = (pa.string(), pa.string(), pa.int64(), pa.string(), pa.string(), pa.string())
        arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
        self._connection.register("bad rows", pa.table(arrays, names=list(BAD_COLUMNS)))
        self._run('insert into staging.bad select * from "bad rows"')
        self._connection.unregister("bad rows")

    def count(self, number: int) -> int:
        """How many rows of a source are staged."""
        return self._count(self._table(number))

    def unite(self, sources: Sequence[str], columns: Sequence[str]) -> None:
        """Make the view of a kind: source, record, and every column by name, null where a source lacks it."""
        parts = []
        for number, source in enumerate(sources):
            own = {name.lower(): name for name in self.columns(number)}
            fields = (
                f"{name_of(own[name.lower()])} as {name_of(name)}"
                if name.lower() in own
                else f"null::varchar as {name_of(name)}"
                for name in columns
            )
            listed = ", ".join((f"{text_of(source)} as source", "rowid as record", *fields))
            parts.append(f"select {listed} from {self._table(number)}")
        none = ", ".join(
            (
                "''::varchar as source",
                "0::bigint as record",
                *(f"null::varchar as {name_of(c)}" for c in columns),
            )
        )
        body = " union all ".join(parts) or f"select {none} where false"
        self._run(f"create view staging.{name_of(self.kind)} as {body}")

    def lines(self, number: int, records: Sequence[int]) -> list[int]:
        """Where rows begin, for a source whose reader kept that."""
        with self._warehouse.second_connection() as connection:
            found = connection.execute(
                f"select rowid, {name_of(LINE)} from {self._table(number)} "
                "semi join (select unnest(?::bigint[]) as rowid) using (rowid)",
                [list(set(records))],
            ).fetchall()
        line_of = dict(found)
        return [line_of[record] for record in records]

    def empty(self, number: int) -> None:
        """A source without rows or columns."""
        self._run(f"create or replace table {self._table(number)} ({name_of(LINE)} bigint)")

    def _run(self, statement: str, parameters: Sequence[object] = ()) -> list[Any]:
        """All rows of a statement; DuckDB takes the next one only when this one's have been fetched."""
        return self._connection.execute(statement, list(parameters)).fetchall()

    def _count(self, table: str) -> int:
        return self._run(f"select count(*) from {table}")[0][0]

    def _described(self, relation: str) -> list[tuple[str, str]]:
        found = self._run(f"describe select * from {relation}")
        return [(row[0], row[1]) for row in found]

    def _as_text(self, number: int, relation: str, with_lines: bool = False) -> int:
        try:
            fields = self._described(relation)
            listed = _listed(fields, with_lines)
            self._run(f"create or replace table {self._table(number)} as select {listed} from {relation}")
        except duckdb.Error as error:
            raise NotRead(str(error)) from error
        return self._count(self._table(number))


def _listed(fields: Sequence[tuple[str, str]], with_lines: bool = False) -> str:
    """SQL of all fields (name and type) as text."""
    if with_lines:
        return f"{_listed(fields[:-1])}, {name_of(LINE)}" if len(fields) > 1 else name_of(LINE)
    names = taken_names([name for name, _ in fields])
    return ", ".join(
        f"{_text(name_of(name), type_)} as {name_of(new)}"
        for (name, type_), new in zip(fields, names, strict=True)
    )


def as_text(rows: pa.Table) -> pl.DataFrame:
    """Rows as staging would hold them, without a warehouse."""
    with duckdb.connect(config=DUCKDB_CONFIG) as connection:
        connection.register("delivered rows", rows)
        try:
            return _all_text(connection, '"delivered rows"', rows.num_rows)
        except duckdb.Error as error:
            raise NotRead(str(error)) from error


def first_rows(path: Path, table: str, n: int) -> pl.DataFrame:
    """The first rows of a table of a DuckDB file, as staging would hold them."""
    try:
        with duckdb.connect(config=DUCKDB_CONFIG) as connection:
            connection.execute(f"attach {text_of(str(path))} as delivered (read_only)")
            origin = "delivered." + ".".join(name_of(part) for part in table.split("."))
            return _all_text(connection, origin, n)
    except duckdb.Error as error:
        raise NotRead(str(error)) from error


def _all_text(connection: duckdb.DuckDBPyConnection, relation: str, n: int) -> pl.DataFrame:
    fields = [(row[0], row[1]) for row in connection.execute(f"describe select * from {relation}").fetchall()]
    found = connection.sql(f"select {_listed(fields)} from {relation} limit {n}").to_arrow_table()
    frame = pl.from_arrow(found)
    assert isinstance(frame, pl.DataFrame)
    return frame


def taken_names(names: Sequence[str]) -> list[str]:
    """Names as staged: `source` and `record` are ours, so a delivered one is `delivered_source`."""
    return [f"delivered_{name}" if name.lower() in OWN_COLUMNS else name for name in names]


def _text(column: str, type_: str) -> str:
    """SQL that writes a value as text: whole numbers without a fraction, nested values as JSON."""
    if type_ in ("FLOAT", "DOUBLE") or type_.startswith("DECIMAL"):
        whole = f"{column} = trunc({column}) and abs({column}) < 9007199254740992"
        return f"case when {whole} then cast({column}::bigint as varchar) else {column}::varchar end"
    if type_.endswith("]") or type_.startswith(("STRUCT", "MAP", "UNION")):
        return f"to_json({column})::varchar"
    if type_ == "BLOB":
        return f"coalesce(try(decode({column})), {column}::varchar)"
    return f"{column}::varchar"


def clear(warehouse: Warehouse) -> None:
    """Give the memory of all staged tables back."""
    connection: Any = warehouse.second_connection()
    try:
        connection.execute("detach database if exists staging")
    finally:
        connection.close()
