"""How a CSV file is written: which delimiter, and what its header names."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from tasks.ingest.files import File
from tasks.ingest.records import Record, read_records
from tasks.ingest.survey import Survey
from tasks.settings.data import Table
from warehouse.errors import SourceError

CANDIDATES = (",", "\t", ";", "|", "::")
SAMPLE = 200


@dataclass(frozen=True)
class Dialect:
    """What has to be known before a CSV file can be read."""

    delimiter: str
    encoding: str
    columns: list[str]  # names of the fields; none for a file that holds nothing
    header_line: int  # the line of the header, from 1; 0 without one
    plain_header: bool  # whether the header ends on the line where it begins


def text_encoding(file: File, table: Table, seen: Survey) -> str:
    """The encoding of a file's bytes, as `File.chunks` gives them: "utf-8" or "latin-1"."""
    if file.utf16:
        return "utf-8"
    return table.encoding if table.encoding in ("utf-8", "latin-1") else seen.encoding


def find_dialect(file: File, table: Table, encoding: str) -> Dialect:
    """Find delimiter and columns where the settings leave them open; `encoding` is "utf-8" or "latin-1"."""
    delimiter = table.delimiter
    if delimiter == "auto":
        delimiter = infer_delimiter(file, encoding, table.header)
    elif set(delimiter) & set('"\r\n\0'):
        raise SourceError(
            f"a delimiter cannot hold quotes or line ends, got {delimiter!r}; "
            'in the TOML: delimiter = ";", or leave it out'
        )
    elif encoding == "latin-1" and not all(ord(char) < 256 for char in delimiter):
        raise SourceError(f"{file.name} is Latin-1, which has no {delimiter!r}; in the TOML: delimiter = ...")
    first = next(read_records(file.chunks(), delimiter, encoding), None)
    if first is None:
        return Dialect(delimiter, encoding, [], 0, True)
    if table.header:
        if first.reason:
            raise SourceError(
                f"{file.name}, line {first.line}: the header {first.reason}; mend it, or, if that line is "
                "a row, write header = false in the TOML"
            )
        names = header_names(file, first.fields)
        plain = not set("\r\n") & set("".join(first.fields))
        return Dialect(delimiter, encoding, names, first.line, plain)
    sample = islice(read_records(file.chunks(), delimiter, encoding), SAMPLE)
    width = _usual_width([record for record in sample if not record.reason]) or 1
    return Dialect(delimiter, encoding, [f"column{at}" for at in range(width)], 0, True)


def infer_delimiter(file: File, encoding: str, header: bool) -> str:
    """The candidate that cuts the first rows most evenly into several fields; "," when none does."""
    best = (0.0, 1)
    chosen = ","
    for candidate in CANDIDATES:
        records = list(islice(read_records(file.chunks(), candidate, encoding), SAMPLE))
        good = [record for record in records if not record.reason]
        if not good:
            continue
        width = len(good[0].fields) if header else _usual_width(good)
        share = sum(len(record.fields) == width for record in good) / len(records)
        if width > 1 and (round(share, 1), width) > best:
            best = (round(share, 1), width)
            chosen = candidate
    return chosen


def _usual_width(records: Sequence[Record]) -> int:
    widths = Counter(len(record.fields) for record in records)
    return max(widths, key=lambda width: (widths[width], width), default=0)


def header_names(file: File, fields: Iterable[str]) -> list[str]:
    """Column names of a header: trimmed, and one for a field that has none."""
    names = [name.strip("\ufeff \t\r\n") for name in fields]
    if len(names) > 1 and not names[-1]:
        names.pop()  # rows that end in a delimiter, and a header that does too
    names = [name or f"column{at}" for at, name in enumerate(names)]
    check_names(file.name, names)
    return names


def check_names(source: str, names: Sequence[str]) -> None:
    """Refuse names that cannot be told apart."""
    counts = Counter(name.lower() for name in names)
    if doubled := [name for name in names if counts[name.lower()] > 1]:
        raise SourceError(
            f"{source} names a column twice: {', '.join(doubled)} (upper and lower case count as the same); "
            "rename one in the file, or skip its header: header = false in the TOML, columns are "
            "column0, column1, ..."
        )
