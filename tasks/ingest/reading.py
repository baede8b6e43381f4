"""From files or a database to staged rows: every row as text, what is no row set aside, all of it counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.ingest.delivered import checked, count_lines, csv_rows, json_rows, parquet_rows
from tasks.ingest.dialect import Dialect, check_names, find_dialect, text_encoding
from tasks.ingest.files import File, find_files, folder_keys, lending
from tasks.ingest.lines import LineFinder, locate
from tasks.ingest.records import count_records, read_records
from tasks.ingest.survey import MAX_RECORD, Survey, survey
from tasks.settings.data import Table
from warehouse.connection import Warehouse
from warehouse.errors import SourceError
from warehouse.postgresql import read_table
from warehouse.staging import BadRow, CsvFormat, Lines, NotRead, Reject, Staged, Staging, taken_names

LISTED = {"MISSING COLUMNS", "TOO MANY COLUMNS", "INVALID ENCODING"}
TEXT = "text"


def stage(warehouse: Warehouse, kind: str, table: Table, base: Path) -> Staged:
    """Read a table into `staging.<kind>`, in the place of what was there; its paths are relative to `base`.

    The warehouse is open for writing, not inside a transaction.

    Raises:
        SourceError: a file or table cannot be read at all.
    """
    staging, staged = Staging(warehouse, kind), Staged(kind)
    if table.connection:
        _add(staged, staging, source_name(table), _read_database(staging, table, base))
    for file in find_files(table, base):
        with lending(file):
            read = READERS[file.format](staging, len(staged.sources), file, table)
            staging.add_constants(len(staged.sources), folder_keys(file.name))
            _add(staged, staging, file.name, read)
    staging.unite(staged.sources, staged.columns)
    return staged


@dataclass(frozen=True)
class _Read:
    rows_in: int
    rows: int
    lines: Lines
    bad: list[BadRow] = field(default_factory=list)


def _add(staged: Staged, staging: Staging, source: str, read: _Read) -> None:
    staging.bad(read.bad)
    if read.rows + len(read.bad) != read.rows_in:
        raise SourceError(
            f"{source} holds {read.rows_in:,} rows by one count, and {read.rows:,} good and "
            f"{len(read.bad):,} bad ones by another; please report this with the file. Nothing was written"
        )
    known = {name.lower() for name in staged.columns}
    found = staging.columns(len(staged.sources))
    staged.columns += [name for name in found if name.lower() not in known]
    staged.rows_in[source] = read.rows_in
    staged.finders[source] = read.lines
    staged.floats[source] = staging.floats.get(len(staged.sources) - 1, set())


def _row_numbers(records: Sequence[int]) -> list[int]:
    return [record + 1 for record in records]


def _kept_lines(staging: Staging, number: int) -> Lines:
    return lambda records: staging.lines(number, records)


def _read_csv(staging: Staging, number: int, file: File, table: Table) -> _Read:
    seen = survey(file.chunks(), quoted=True)
    encoding = text_encoding(file, table, seen)
    dialect = find_dialect(file, table, encoding)
    if not dialect.columns:
        staging.empty(number)
        return _Read(0, 0, _row_numbers)
    dialect = replace(dialect, columns=taken_names(dialect.columns))
    check_names(file.name, dialect.columns)
    plain = dialect.plain_header and seen.plainly_quoted(dialect.delimiter.encode(encoding))
    if seen.clean and plain and not file.utf16:
        read = _read_in_parallel(staging, number, file, dialect, seen, table.header)
        if read is not None:
            return read
    bad: list[BadRow] = []
    rows = staging.read_arrow(number, csv_rows(file, dialect, table.header, bad), with_lines=True)
    rows_in = count_records(file.chunks(), dialect.delimiter, encoding) - table.header
    return _Read(rows_in, rows, _kept_lines(staging, number), bad)


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
    return _Read(rows_in, rows, finder.lines, bad)


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
        _, wrong = checked(replace(record, line=one.line), dialect, file.name)
        if wrong is None:
            return None
        bad.append(wrong)
    return bad, np.array([one.ordinal for one in found], np.int64)


def _read_json(staging: Staging, number: int, file: File, table: Table) -> _Read:
    if next(file.chunks(), b"").lstrip().startswith(b"["):
        raise SourceError(
            f"{file.name} holds one JSON array, not a JSON object in each line; "
            f"rewrite it, for instance: jq -c '.[]' {file.name} > items.jsonl"
        )
    seen = survey(file.chunks(), quoted=False)
    bad: list[BadRow] = []
    rows_in = seen.n_records
    clean = seen.clean and not seen.stray_bytes and not file.utf16
    if not (clean and _lines_in_parallel(staging, number, file, rows_in)):
        staging.read_arrow(number, json_rows(file, TEXT, bad), with_lines=True)
        rows_in = count_lines(file)

    def named(keys: list[str]) -> list[str]:
        columns = taken_names([key or "column" for key in keys])
        check_names(file.name, columns)
        return columns

    for line, reason, content in staging.spread_json(number, TEXT, named):
        bad.append(BadRow(file.name, line, None, reason, content))
    return _Read(rows_in, staging.count(number), _kept_lines(staging, number), bad)


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
        return _Read(rows_in, staging.read_parquet(number, file.path), _row_numbers)
    except NotRead:
        bad: list[BadRow] = []
        try:
            rows = staging.read_arrow(number, parquet_rows(file.path, file.name, bad), with_lines=True)
        except (NotRead, pa.ArrowException) as error:
            raise SourceError(
                f"{file.name} is damaged: {error}; write it again, or take it out of `files` in the TOML"
            ) from error
        return _Read(rows_in, rows, _kept_lines(staging, number), bad)


def _read_database(staging: Staging, table: Table, base: Path) -> _Read:
    source = source_name(table)
    scheme = table.connection.partition(":")[0]
    try:
        if scheme == "duckdb":
            rows, rows_in = staging.read_database(0, _duckdb_path(table, base), table.table)
        elif scheme in ("postgresql", "postgres"):
            delivered, rows_in = read_table(table.connection, table.table, source)
            rows = staging.read_arrow(0, delivered)
        else:
            raise SourceError(
                f"connection '{source}' is of no known kind; in the TOML: connection = "
                '"duckdb:///path/to/file" or "postgresql://user@host/name"'
            )
    except NotRead as error:
        raise SourceError(
            f'cannot read {source}: {error}; in the TOML: connection = ..., table = "schema.table"'
        ) from error
    return _Read(rows_in, rows, _row_numbers)


def source_name(table: Table) -> str:
    """What reports call the table: its connection without a password, and its name."""
    parts = urlsplit(table.connection)
    address = parts.netloc
    if "@" in address:
        user, _, host = address.rpartition("@")
        address = f"{user.partition(':')[0]}@{host}"
    return f"{parts.scheme}://{address}{parts.path}:{table.table}"


def _duckdb_path(table: Table, base: Path) -> Path:
    """The file that a `duckdb:` connection names: absolute, or relative to the TOML file."""
    named = table.connection.partition(":")[2].removeprefix("//")
    choices = [Path(named), base / named.lstrip("/")]
    for path in choices:
        if path.is_file():
            return path
    raise SourceError(
        f"there is no DuckDB file {' or '.join(str(path) for path in choices)}; in the TOML: "
        'connection = "duckdb:///path/to/file"'
    )


READERS: dict[str, Callable[[Staging, int, File, Table], _Read]] = {
    "csv": _read_csv,
    "json": _read_json,
    "parquet": _read_parquet,
}
