"""Delivered rows before they are validated: one table a source, all text, in a database in memory.

A table's rowid is the ordinal of a row, which costs nothing; a number given by a window function would read
the file on one core. The view `staging.<kind>` puts the sources of a kind together, columns by name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.expressions import json_path
from warehouse.sql import DUCKDB_CONFIG, name_of, quoted, text_of

LINE = "line of the file"  # the hidden column of a source whose reader knew where each row begins
OWN_COLUMNS = ("source", "record", LINE)
REJECTS_LIMIT = 100_000
BAD_COLUMNS = ("kind", "source", "line", "field", "reason", "content")
DELIVERED = "delivered rows"
FLOATS = ("FLOAT", "DOUBLE")

Lines = Callable[[Sequence[int]], list[int]]  # gives the line, from 1, of each record of a source


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

    position: int  # bytes from the start of the file, give or take the line ends before it
    reason: str


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be staged, and why; `field` where one field is wrong."""

    source: str
    line: int
    field: str | None
    reason: str
    content: str


@dataclass
class Staged:
    """What lies in `staging.<kind>`."""

    kind: str
    columns: list[str] = field(default_factory=list)  # as `taken_names` gives them
    # Each source, in order, and how many rows it delivers by the count of a reader of its own.
    rows_in: dict[str, int] = field(default_factory=dict)
    finders: dict[str, Lines] = field(default_factory=dict)  # what tells the lines of each source
    floats: dict[str, set[str]] = field(default_factory=dict)  # columns that a source delivers as floats
    respelled: bool = False  # whether the view shows a column otherwise than delivered

    @property
    def as_delivered(self) -> str:
        """The view of the rows as they were delivered."""
        return f"{self.kind}:delivered" if self.respelled else self.kind

    @property
    def sources(self) -> list[str]:
        """What was read, in order: files or tables."""
        return list(self.rows_in)

    def lines(self, source: str, records: Sequence[int]) -> list[int]:
        """The line of a source where each record (as in the column `record`) begins, from 1.

        In a table without lines it is the number of the row.
        """
        return self.finders[source](records) if len(records) else []


class Staging:
    """The staged tables of one kind: items, users, interactions, searches or triples."""

    def __init__(self, warehouse: Warehouse, kind: str) -> None:
        self.kind = kind
        self._warehouse = warehouse
        self._run = warehouse.run
        self._run("attach if not exists ':memory:' as staging")
        columns = "source varchar, line bigint, field varchar, reason varchar, content varchar"
        self._run(f"create table if not exists staging.bad (kind varchar, {columns})")
        self.floats: dict[int, set[str]] = {}  # by source, columns that it delivers as floats
        for view in (kind, f"{kind}:delivered"):
            self._run(f"drop view if exists staging.{name_of(view)}")
        names = self._run(
            "select table_name from duckdb_tables() "
            "where database_name = 'staging' and starts_with(table_name, ?)",
            [f"{kind}:"],
        )
        for (name,) in names:
            self._run(f"drop table staging.{name_of(name)}")
        self._run("delete from staging.bad where kind = ?", [kind])

    def _table(self, number: int) -> str:
        return f"staging.{name_of(f'{self.kind}:{number}')}"

    def read_csv(
        self, number: int, path: Path, columns: Sequence[str], how: CsvFormat
    ) -> tuple[int, list[Reject]]:
        """Read a CSV file over all cores; returns how many rows it took, and where it did not, in order.

        Raises:
            NotRead: the file as a whole, or more rows than can be listed, cannot be read in this way.
        """
        fields = ", ".join(f"{text_of(name)}: 'VARCHAR'" for name in columns)
        statement = f"""
            create or replace table {self._table(number)} as select * from read_csv({_plain_path(path)},
                auto_detect = false, header = false, skip = {how.skip}, columns = {{{fields}}},
                delim = {text_of(how.delimiter)}, quote = {text_of(how.quote)}, escape = {text_of(how.quote)},
                encoding = {text_of(how.encoding)}, compression = {text_of(how.compression)},
                max_line_size = {how.max_line_bytes}, strict_mode = true, null_padding = false,
                hive_partitioning = false,
                store_rejects = true, rejects_limit = {REJECTS_LIMIT})
        """
        for name in ("reject_errors", "reject_scans"):
            self._run(f"drop table if exists {name}")
        with _else_not_read():
            self._run(statement)
            found = self._run(
                "select line_byte_position, string_agg(distinct error_type::varchar, ', ') "
                "from reject_errors group by 1 order by 1"
            )
            return self.count(number), [Reject(*row) for row in found]

    def read_parquet(self, number: int, path: Path) -> int:
        """Read a Parquet file over all cores; returns the number of rows."""
        return self._as_text(number, f"read_parquet({_plain_path(path)}, hive_partitioning = false)")

    def read_arrow(self, number: int, rows: pa.Table | pa.RecordBatchReader, with_lines: bool = False) -> int:
        """Take over rows that another reader delivers, perhaps with the column LINE; returns their number."""
        with self._warehouse.lending(DELIVERED, rows):
            return self._as_text(number, name_of(DELIVERED), with_lines)

    def read_database(self, number: int, path: Path, table: str) -> tuple[int, int]:
        """Read a table of another DuckDB file; returns how many rows were read, and how many it counts."""
        with _else_not_read():
            self._run(f"attach {text_of(str(path))} as delivered (read_only)")
        try:
            with _else_not_read(), self._warehouse.transaction():
                origin = f"delivered.{quoted(table)}"
                return self._as_text(number, origin), self._count(origin)
        finally:
            self._run("detach delivered")

    def spread_json(
        self, number: int, text: str, named: Callable[[list[str]], list[str]]
    ) -> list[tuple[int, str, str]]:
        """Turn the JSON lines of a source, in its column `text`, into columns, in place.

        `named` gives the names of columns for the keys found, in order of appearance. Returns line, reason
        and content of what is no JSON object.
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
        found = run(
            f"""select key from (select unnest(keys) as key, unnest(range(len(keys))) as place, line
                from (select json_keys({column}) as keys, {name_of(LINE)} as line from {good}))
                group by key order by min(line), min(place), key"""
        )
        keys = [key for (key,) in found]
        fields = "".join(
            f"json_extract_string({column}, {text_of(json_path(key))}) as {name_of(name)}, "
            for key, name in zip(keys, named(keys), strict=True)
        )
        run(f"create or replace table {staged} as select {fields}{name_of(LINE)} from {good}")
        return bad

    def add_constants(self, number: int, values: Mapping[str, str]) -> None:
        """Give a source columns that hold one value each; those that it has stay as they are."""
        known = {name.lower() for name in self.columns(number)}
        for name, value in values.items():
            if name.lower() not in known:
                (column,) = taken_names([name])
                typed = f"{name_of(column)} varchar default {text_of(value) if value else 'null'}"
                self._run(f"alter table {self._table(number)} add column {typed}")
                known.add(name.lower())

    def columns(self, number: int) -> list[str]:
        """The delivered columns of a source."""
        return [name for name, _ in self._described(self._table(number)) if name != LINE]

    def bad(self, rows: Sequence[BadRow]) -> None:
        """Set rows aside."""
        if rows:
            schema = {name: pl.Int64 if name == "line" else pl.String for name in BAD_COLUMNS}
            frame = pl.DataFrame([(self.kind, *astuple(row)) for row in rows], schema=schema, orient="row")
            with self._warehouse.lending("bad rows", frame.to_arrow()):
                self._run('insert into staging.bad select * from "bad rows"')

    def count(self, number: int) -> int:
        """How many rows of a source are staged."""
        return self._count(self._table(number))

    def unite(self, sources: Sequence[str], columns: Sequence[str]) -> None:
        """Make the view of a kind: source, record, and every column by name, null where a source lacks it."""
        parts = []
        for number, source in enumerate(sources):
            own = {name.lower(): name_of(name) for name in self.columns(number)}
            fields = (f"{own.get(name.lower(), 'null::varchar')} as {name_of(name)}" for name in columns)
            listed = ", ".join((f"{text_of(source)} as source", "rowid as record", *fields))
            parts.append(f"select {listed} from {self._table(number)}")
        self._run(f"create view staging.{name_of(self.kind)} as {' union all '.join(parts)}")

    def lines(self, number: int, records: Sequence[int]) -> list[int]:
        """Where rows begin, for a source whose reader kept that."""
        found = self._run(
            f"select rowid, {name_of(LINE)} from {self._table(number)} "
            "semi join (select unnest(?::bigint[]) as rowid) using (rowid)",
            [list(set(records))],
        )
        line_of = dict(found)
        return [line_of[record] for record in records]

    def empty(self, number: int) -> None:
        """A source without rows or columns."""
        self._run(f"create or replace table {self._table(number)} ({name_of(LINE)} bigint)")

    def _count(self, table: str) -> int:
        return self._warehouse.value(f"select count(*) from {table}")

    def _described(self, relation: str) -> list[tuple[str, str]]:
        return [row[:2] for row in self._run(f"describe select * from {relation}")]

    def _as_text(self, number: int, relation: str, with_lines: bool = False) -> int:
        with _else_not_read():
            fields = self._described(relation)
            listed = _listed(fields, with_lines)
            self.floats[number] = {name for name, type_ in fields if type_ in FLOATS}
            self._run(f"create or replace table {self._table(number)} as select {listed} from {relation}")
        return self.count(number)


@contextmanager
def _else_not_read() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise NotRead(str(error)) from error
    except WarehouseError as error:
        raise NotRead(str(error.__cause__)) from error


def _plain_path(path: Path) -> str:
    if set("*?[]{}") & set(str(path)):
        raise NotRead("DuckDB takes the name for a pattern")
    return text_of(str(path))


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
    with _else_not_read(), duckdb.connect(config=DUCKDB_CONFIG) as connection:
        connection.register(DELIVERED, rows)
        described = connection.execute(f"describe select * from {name_of(DELIVERED)}").fetchall()
        return connection.sql(
            f"select {_listed([row[:2] for row in described])} from {name_of(DELIVERED)}"
        ).pl()


def taken_names(names: Sequence[str]) -> list[str]:
    """Names as staged: `source` and `record` are ours, so a delivered one is `delivered_source`."""
    return [f"delivered_{name}" if name.lower() in OWN_COLUMNS else name for name in names]


def _text(column: str, type_: str) -> str:
    """SQL of a value as text: whole numbers without a fraction, NaN as null, nested values as JSON."""
    if type_ in FLOATS or type_.startswith("DECIMAL"):
        whole = f"{column} = trunc({column}) and abs({column}) < 9007199254740992"
        missing = f"when isnan({column}) then null" if type_ in FLOATS else ""
        return f"case {missing} when {whole} then {column}::bigint::varchar else {column}::varchar end"
    if type_.endswith("]") or type_.startswith(("STRUCT", "MAP", "UNION")):
        return f"to_json({column})::varchar"
    if type_ == "BLOB":
        return f"coalesce(try(decode({column})), {column}::varchar)"
    return f"{column}::varchar"


def clear(warehouse: Warehouse) -> None:
    """Give the memory of all staged tables back."""
    warehouse.run("detach database if exists staging")
