"""Readers of last resort: they take a damaged file row by row, and set aside only what is damaged."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.ingest.dialect import Dialect
from tasks.ingest.files import File
from tasks.ingest.records import Record, decode, physical_lines, shown
from tasks.ingest.stretches import csv_batches
from tasks.ingest.survey import MAX_RECORD
from warehouse.staging import LINE, BadRow

BATCH = 50_000


def checked(record: Record, dialect: Dialect, source: str) -> tuple[list[str], BadRow | None]:
    """A record's fields, one for each column, or why it has no such fields."""
    fields, width = record.fields, len(dialect.columns)
    while len(fields) > width and not fields[-1]:
        fields = fields[:-1]  # delimiters at the end of a row hold nothing; the parallel reader allows them
    if len(fields) == width and not record.reason:
        return fields, None
    name = dialect.columns[record.field] if record.field is not None and record.field < width else None
    reason = record.reason or f"has {len(fields)} field{'s' * (len(fields) != 1)}, not {width}"
    return [], BadRow(source, record.line, name, reason, shown(record.raw, dialect.encoding))


def csv_rows(file: File, dialect: Dialect, header: bool, bad: list[BadRow]) -> pa.RecordBatchReader:
    """Every row of a CSV file, its line last; those that cannot be used go to `bad`."""
    schema = pa.schema([(name, pa.string()) for name in dialect.columns] + [(LINE, pa.int64())])

    def sound(record: Record) -> list[str] | None:
        fields, wrong = checked(record, dialect, file.name)
        if wrong:
            bad.append(wrong)
        return None if wrong else fields

    return pa.RecordBatchReader.from_batches(schema, csv_batches(file, dialect, header, sound))


def json_rows(file: File, column: str, bad: list[BadRow]) -> pa.RecordBatchReader:
    """Every line of a file of JSON lines, its number last; bytes that are no text go to `bad`."""
    schema = pa.schema([(column, pa.string()), (LINE, pa.int64())])

    def batches() -> Iterator[pa.RecordBatch]:
        rows: list[list[str | int | None]] = []
        for number, line in enumerate(physical_lines(file.chunks()), start=1):
            bare = line.rstrip(b"\r\n")
            if not bare:
                continue
            reason = ""
            if len(bare) > MAX_RECORD:
                reason = f"is longer than {MAX_RECORD:,} bytes"
            elif b"\0" in bare:
                reason = "holds a NUL byte"
            text = decode(bare, "utf-8")
            try:
                text.encode()
            except UnicodeEncodeError:
                reason = reason or "holds bytes that are not UTF-8"
            if reason:
                bad.append(BadRow(file.name, number, None, reason, shown(line, "utf-8")))
                continue
            rows.append([text, number])
            if len(rows) == BATCH:
                yield _batch(rows, schema)
                rows = []
        if rows:
            yield _batch(rows, schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def count_lines(file: File) -> int:
    """How many lines are not blank."""
    return sum(1 for line in physical_lines(file.chunks()) if line.rstrip(b"\r\n"))


def _batch(rows: list[list[str | int | None]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def parquet_rows(path: Path, source: str, bad: list[BadRow]) -> pa.RecordBatchReader:
    """Every row of a Parquet file, its number last; rows whose text is not UTF-8 go to `bad`."""
    file = pq.ParquetFile(path)
    schema = file.schema_arrow.remove_metadata().append(pa.field(LINE, pa.int64()))
    texts = [at for at, field in enumerate(schema) if field.type in (pa.string(), pa.large_string())]

    def batches() -> Iterator[pa.RecordBatch]:
        number = 0
        for batch in file.iter_batches(BATCH):
            keep = [True] * batch.num_rows
            for at in texts:
                raw = pa.binary() if schema[at].type == pa.string() else pa.large_binary()
                for row, value in enumerate(batch.column(at).view(raw).to_pylist()):
                    if keep[row] and value is not None and not _is_text(value):
                        keep[row] = False
                        place = (source, number + row + 1, schema[at].name)
                        bad.append(BadRow(*place, "holds bytes that are not UTF-8", shown(value, "utf-8")))
            lines = pa.array(range(number + 1, number + batch.num_rows + 1), pa.int64())
            whole = pa.RecordBatch.from_arrays([*batch.columns, lines], schema=schema)
            yield whole.filter(pa.array(keep, pa.bool_()))
            number += batch.num_rows

    return pa.RecordBatchReader.from_batches(schema, batches())


def _is_text(value: bytes) -> bool:
    try:
        return "\0" not in value.decode()
    except UnicodeDecodeError:
        return False
