"""The first rows of a table, without a warehouse: for looking at what somebody points us to."""

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.ingest.delivered import checked
from tasks.ingest.dialect import find_dialect, text_encoding
from tasks.ingest.files import File, find_files, folder_keys, lending
from tasks.ingest.records import physical_lines, read_records
from tasks.ingest.survey import survey
from tasks.settings.data import Table
from warehouse.errors import SourceError
from warehouse.staging import NotRead, as_text

SURVEYED = 4  # pieces of a file, which tell its encoding


@dataclass(frozen=True)
class Sample:
    """The first good rows of a file, every column as text, and its name as reports give it."""

    source: str
    rows: pl.DataFrame


def sample(table: Table, base: Path, n: int = 1000) -> Sample:
    """Read the first n rows of the first file of a table, whose paths are relative to `base`.

    Raises:
        SourceError: it cannot be read at all.
    """
    files = find_files(table, base)
    if not files:
        raise SourceError('there is nothing to read; in the TOML: files = ["items.csv"]')
    file = files[0]
    with lending(file):
        if file.format == "csv":
            rows = _csv_rows(file, table, n)
        else:
            rows = _json_rows(file, n) if file.format == "json" else _parquet_rows(file, n)
    own = {name.lower() for name in rows.columns}
    keys = {key: value for key, value in folder_keys(file.name).items() if key.lower() not in own}
    return Sample(file.name, rows.with_columns(pl.lit(value).alias(key) for key, value in keys.items()))


def _csv_rows(file: File, table: Table, n: int) -> pl.DataFrame:
    encoding = text_encoding(file, table, survey(islice(file.chunks(), SURVEYED), quoted=False))
    dialect = find_dialect(file, table, encoding)
    records = islice(read_records(file.chunks(), dialect.delimiter, encoding), n + table.header)
    found = (checked(record, dialect, file.name) for record in islice(records, int(table.header), None))
    rows = [[field or None for field in fields] for fields, wrong in found if not wrong]
    return pl.DataFrame(rows, schema=dict.fromkeys(dialect.columns, pl.String), orient="row")


def _json_rows(file: File, n: int) -> pl.DataFrame:
    rows: list[dict[str, str | None]] = []
    for line in islice(physical_lines(file.chunks()), n):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append({key: _as_text(value) for key, value in row.items()})
    columns = dict.fromkeys(key for row in rows for key in row)
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _as_text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parquet_rows(file: File, n: int) -> pl.DataFrame:
    try:
        delivered = pq.ParquetFile(file.path)
        batches = list(islice(delivered.iter_batches(n), 1)) if n else []
        return as_text(pa.Table.from_batches(batches, delivered.schema_arrow))
    except (pa.ArrowException, NotRead) as error:
        raise SourceError(
            f"{file.name} is no whole Parquet file: {error}; write it again, or take it out of `files`"
        ) from error
