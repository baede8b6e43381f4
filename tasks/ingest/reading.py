"""From files or a database to staged rows: every row as text, what is no row set aside, all of it counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.ingest.databases import duckdb_path, read_postgresql, source_name, unknown_kind
from tasks.ingest.delivered import (
    BadRow,
    count_lines,
    csv_rows,
    json_rows,
    judged,
    parquet_rows,
)
from tasks.ingest.dialect import Dialect, check_names, find_dialect
from tasks.ingest.files import File, find_files, lending
from tasks.ingest.lines import LineFinder, locate
from tasks.ingest.records import count_records, read_records
from tasks.ingest.survey import MAX_RECORD, Survey, survey
from tasks.settings.data import Table
from warehouse.connection import Warehouse
from warehouse.errors import SourceError
from warehouse.staging import CsvFormat, NotRead, Reject, Staging, taken_names

__all__ = ["SourceCount", "SourceError", "Staged", "stage"]

Lines = Callable[[Sequence[int]], list[int]]
LISTED = {"MISSING COLUMNS", "TOO MANY COLUMNS", "INVALID ENCODING"}
TEXT = "text"


@dataclass(frozen=True)
class SourceCount:
    """A file or table, and how many rows it delivers by the count of a reader of its own."""

    source: str
    rows_in: int


@dataclass
class Staged:
    """What lies in `staging.<kind>` (and, for rows that are none, in `staging.bad`).

    Attributes:
        columns: Delivered columns; `delivered_source` and `delivered_record` for ones named as our own.
        sources: What was read, in order.
    """

    kind: str
    columns: list[str] = field(default_factory=list)
    sources: list[SourceCount] = field(default_factory=list)
    finders: dict[str, Lines] = field(default_factory=dict)

    def lines(self, source: str, records: Sequence[int]) -> list[int]:
        """The line of a source where each record begins, from 1; for a table without lines, its row.

        Args:
            source: As in the column `source`.
            records: Ordinals as in the column `record`.
        """
        return self.finders[source](records) if len(records) else []


def stage(warehouse: Warehouse, kind: str, table: Table, base: Path) -> Staged:
    """Read a table into `staging.<kind>`, in the place of what was there.

    Args:
        warehouse: Open for writing; not inside a transaction.
        kind: "items", "users", "interactions", "searches", "triples" or another name.
        table: Where its rows come from.
        base: The folder that paths are relative to.

    Raises:
        SourceError: a file or table cannot be read at all.
    """
    staging = Staging(warehouse, kind)
    staged = Staged(kind)
    try:
        if table.connection:
            _add(staged, staging, _read_database(staging, table, base))
        for file in find_files(table, base):
            with lending(file):
                _add(staged, staging, READERS[file.format](staging, len(staged.sources), file, table))
        staging.unite([source.source for source in staged.sources], staged.columns)
    finally:
        staging.close()
    return staged


@dataclass(frozen=True)
class _Read:
    source: SourceCount
    rows: int
    lines: Lines
    bad: list[BadRow] = field(default_factory=list)


def _add(staged: Staged, staging: Staging, read: _Read) -> None:
    staging.bad(read.bad)
    number, source = len(staged.sources), read.source
    if read.rows + len(read.bad) != source.rows_in:
        raise SourceError(
            f"{source.source} holds {source.rows_in:,} rows by one count, and {read.rows:,} good and "
            f"{len(read.bad):,} bad ones by another; please report this with the file. Nothing was written"
        )
    known = {name.lower() for name in staged.columns}
    staged.columns += [name for name in staging.columns(number) if name.lower() not in known]
    staged.sources.append(source)
    staged.finders[source.source] = read.lines


def _row_numbers(records: Sequence[int]) -> list[int]:
    return [record + 1 for record in records]


def _kept_lines(staging: Staging, number: int) -> Lines:
    return lambda records: staging.lines(number, records)


def _read_csv(staging: Staging, number: int, file: File, table: Table) -> _Read:
    seen = survey(file.chunks(), quoted=True)
    encoding = seen.encoding if table.encoding == "auto" else table.encoding
    dialect = find_dialect(file, table, encoding)
    if not dialect.columns:
        staging.empty(number)
        return _Read(SourceCount(file.name, 0), 0, _row_numbers)
    dialect = replace(dialect, columns=taken_names(dialect.columns))
    check_names(file.name, dialect.columns)
    plain = dialect.plain_header and seen.plainly_quoted(dialect.delimiter.encode(encoding))
    if seen.clean and plain:
        read = _read_in_parallel(staging, number, file, dialect, seen, table.header)
        if read is not None:
            return read
    bad: list[BadRow] = []
    rows = staging.read_lines(number, csv_rows(file, dialect, table.header, bad), dialect.columns)
    rows_in = count_records(file.chunks(), dialect.delimiter, encoding) - table.header
    return _Read(SourceCount(file.name, rows_in), rows, _kept_lines(staging, number), bad)


def _read_in_parallel(
    staging: Staging, number: int, file: File, dialect: Dialect, seen: Survey, header: bool
) -> _Read | None:
    how = CsvFormat(
        dialect.delimiter, '"', dialect.encoding, file.compression, dialect.header_line, MAX_RECORD
    )
    try:
        rows, rejects = staging.read_csv(number, file.path, dialect.columns, how)
    except NotRead:
        return None
    rows_in = seen.n_records - header
    if rows + len(rejects) != rows_in:
        return None
    finder = LineFinder(file, seen.line_ends, header)
    bad: list[BadRow] = []
    if rejects:
        located = _located(file, dialect, seen, rejects)
        if located is None:
            return None
        bad, ordinals = located
        finder.rejected = ordinals - header
    return _Read(SourceCount(file.name, rows_in), rows, finder.lines, bad)


def _located(
    file: File, dialect: Dialect, seen: Survey, rejects: Sequence[Reject]
) -> tuple[list[BadRow], np.ndarray] | None:
    """Rejected rows with their lines and ordinals; None when it is not certain which ones they are."""
    if dialect.encoding != "utf-8" or any(set(reject.reason.split(", ")) - LISTED for reject in rejects):
        return None
    found = locate(file, seen.line_ends, [reject.position for reject in rejects])
    if len({one.ordinal for one in found}) != len(rejects):
        return None
    bad: list[BadRow] = []
    for one in found:
        record = next(read_records([one.content], dialect.delimiter, dialect.encoding))
        _, wrong = judged(replace(record, line=one.line), dialect, file.name)
        if wrong is None:
            return None
        bad.append(wrong)
    return bad, np.array([one.ordinal for one in found], np.int64)


def _read_json(staging: Staging, number: int, file: File, table: Table) -> _Read:
    start = next(file.chunks(), b"").lstrip()[:1]
    if start == b"[":
        raise SourceError(
            f"{file.name} holds one JSON array, not a JSON object in each line; "
            f"rewrite it, for instance: jq -c '.[]' {file.name} > items.jsonl"
        )
    seen = survey(file.chunks(), quoted=False)
    bad: list[BadRow] = []
    rows_in = seen.n_records
    if not (seen.clean and not seen.stray_bytes and _lines_in_parallel(staging, number, file, rows_in)):
        staging.read_lines(number, json_rows(file, TEXT, bad), [TEXT])
        rows_in = count_lines(file)
    keys, no_objects = staging.spread_json(number, TEXT)
    columns = taken_names([key or "column" for key in keys])
    check_names(file.name, columns)
    staging.name_json(number, columns)
    bad += [(file.name, line, None, reason, content) for line, reason, content in no_objects]
    return _Read(SourceCount(file.name, rows_in), staging.count(number), _kept_lines(staging, number), bad)


def _lines_in_parallel(staging: Staging, number: int, file: File, rows_in: int) -> bool:
    """Whether every line was read as one row, so that a row's ordinal says its line."""
    how = CsvFormat("\x1f", "", "utf-8", file.compression, 0, MAX_RECORD)
    try:
        rows, rejects = staging.read_csv(number, file.path, [TEXT], how)
    except NotRead:
        return False
    return not rejects and rows == rows_in


def _read_parquet(staging: Staging, number: int, file: File, table: Table) -> _Read:
    try:
        described = pq.ParquetFile(file.path)
    except pa.ArrowException as error:
        raise SourceError(
            f"{file.name} is no whole Parquet file: {error}; write it again, or take it out of `files`"
        ) from error
    check_names(file.name, taken_names(described.schema_arrow.names))
    rows_in = described.metadata.num_rows
    if not described.schema_arrow.names:
        raise SourceError(f"{file.name} has no columns; take it out of `files` in the TOML")
    try:
        return _Read(SourceCount(file.name, rows_in), staging.read_parquet(number, file.path), _row_numbers)
    except NotRead:
        bad: list[BadRow] = []
        try:
            rows = staging.read_arrow(number, parquet_rows(file.path, file.name, bad), with_lines=True)
        except (NotRead, pa.ArrowException) as error:
            raise SourceError(
                f"{file.name} is damaged: {error}; write it again, or take it out of `files` in the TOML"
            ) from error
        return _Read(SourceCount(file.name, rows_in), rows, _kept_lines(staging, number), bad)


def _read_database(staging: Staging, table: Table, base: Path) -> _Read:
    source = source_name(table)
    scheme = table.connection.partition(":")[0]
    try:
        if scheme == "duckdb":
            rows, rows_in = staging.read_database(0, duckdb_path(table, base), table.table)
        elif scheme in ("postgresql", "postgres"):
            delivered, rows_in = read_postgresql(table)
            rows = staging.read_arrow(0, delivered)
        else:
            raise unknown_kind(table)
    except NotRead as error:
        raise SourceError(
            f'cannot read {source}: {error}; in the TOML: connection = ..., table = "schema.table"'
        ) from error
    return _Read(SourceCount(source, rows_in), rows, _row_numbers)


READERS: dict[str, Callable[[Staging, int, File, Table], _Read]] = {
    "csv": _read_csv,
    "json": _read_json,
    "parquet": _read_parquet,
}
