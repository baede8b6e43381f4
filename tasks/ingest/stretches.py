"""A damaged CSV file, fast: stretches of sound lines go to Arrow as they are, the rest record by record.

A line is sound when it is a record of its own, with as many fields as there are columns, that no reader could
take for anything else. Every other line begins a record that `records` reads; what is good of these is
written anew, so that Arrow reads sound CSV only.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv

from tasks.ingest.dialect import Dialect
from tasks.ingest.files import UTF8_BOM, File
from tasks.ingest.records import Lines, Record, marked_last, next_record, whole_lines
from tasks.ingest.survey import CR, LF, MAX_RECORD, QUOTE
from warehouse.staging import LINE

STAND_IN = b"\x1f"  # takes the place of a delimiter that is longer than Arrow allows
NOT_IN_WINDOWS_1252 = np.isin(np.arange(256), (0x81, 0x8D, 0x8F, 0x90, 0x9D))

SoundFields = Callable[[Record], list[str] | None]
"""The fields of a record; None if it is bad, which this function keeps in mind."""


@dataclass(frozen=True)
class _Block:
    """Lines."""

    data: bytes
    starts: list[int]  # (n + 1,) where they begin, and where the last one ends
    filled: np.ndarray  # (n,) bool, whether they hold anything
    sound: np.ndarray  # (n,) bool

    def lines_from(self, at: int) -> Iterator[bytes]:
        """The lines from a number on."""
        for line in range(at, len(self.filled)):
            yield self.data[self.starts[line] : self.starts[line + 1]]


def csv_batches(
    file: File, dialect: Dialect, header: bool, sound_fields: SoundFields
) -> Iterator[pa.RecordBatch]:
    """The rows of a CSV file as text, their line last; `sound_fields` reads what is no sound line."""
    writer = _Writer(dialect)
    before, rest = 0, b""  # lines before `rest`
    for piece, last in marked_last(whole_lines(file.chunks())):
        block = _look(rest + piece, dialect)
        at, size = 0, len(block.filled)
        taken = np.zeros(size, bool)
        # A header is read as a record: the first line that holds anything.
        first = block.filled & (np.cumsum(block.filled) == 1) & header
        for odd in np.flatnonzero(~block.sound | first).tolist():
            if odd < at:
                continue
            writer.stretch(block.data[block.starts[at] : block.starts[odd]])
            taken[at:odd] = block.filled[at:odd]
            at = odd
            lines = Lines(block.lines_from(odd), before + odd)
            record = next_record(lines, dialect.delimiter, dialect.encoding)
            if lines.asked_beyond and not last:
                break
            at = lines.number - before
            fields = sound_fields(record) if record is not None and not header else None
            if fields is not None:
                writer.record(fields)
                taken[odd] = True
            header = False
        else:
            writer.stretch(block.data[block.starts[at] :])
            taken[at:] = block.filled[at:]
            at = size
        yield from writer.batches(np.flatnonzero(taken) + (before + 1))
        rest = block.data[block.starts[at] :]
        before += at


class _Writer:
    """Collects sound CSV."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._parts: list[bytes] = []
        self._schema = pa.schema([(name, pa.string()) for name in dialect.columns] + [(LINE, pa.int64())])
        between = dialect.delimiter.encode()
        self._between = between if len(between) == 1 else STAND_IN

    def stretch(self, lines: bytes) -> None:
        """Take over sound lines."""
        if self._dialect.encoding == "latin-1" and not lines.isascii():
            lines = lines.decode("cp1252").encode()
        if self._between == STAND_IN:
            lines = lines.replace(self._dialect.delimiter.encode(), STAND_IN)
        self._parts.append(lines)

    def record(self, fields: list[str]) -> None:
        """Take over one row."""
        quoted = (b'"' + field.replace('"', '""').encode() + b'"' for field in fields)
        self._parts.append(self._between.join(quoted) + b"\n")

    def batches(self, lines: np.ndarray) -> Iterator[pa.RecordBatch]:
        """What was taken over since the last call; `lines` are those where its rows begin."""
        parts = b"".join(self._parts)
        self._parts = []
        if not lines.size:
            return
        columns = self._dialect.columns
        table = pyarrow.csv.read_csv(
            pa.BufferReader(parts),
            pyarrow.csv.ReadOptions(column_names=columns, block_size=len(parts) + 1),
            pyarrow.csv.ParseOptions(delimiter=self._between.decode(), newlines_in_values=True),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), null_values=[""], strings_can_be_null=True
            ),
        )
        whole = table.append_column(LINE, pa.array(lines, pa.int64()))
        yield from whole.cast(self._schema).to_batches()


def _look(data: bytes, dialect: Dialect) -> _Block:
    bytes_ = np.frombuffer(data, np.uint8)
    is_end = bytes_ == LF
    if b"\r" in data:
        # The first half of a line end ends nothing.
        is_end[:-1] |= (bytes_[:-1] == CR) & (bytes_[1:] != LF)
        is_end[-1] |= bytes_[-1] == CR
    stops = np.flatnonzero(is_end) + 1
    if not is_end[-1]:
        stops = np.append(stops, bytes_.size)
    starts = np.append(0, stops[:-1])
    ends = stops - is_end[stops - 1]
    ends -= (ends > starts) & (bytes_[np.maximum(ends - 1, 0)] == CR)
    filled = ends > starts
    sound = ends - starts <= MAX_RECORD
    between = dialect.delimiter.encode(dialect.encoding)
    delimiters = np.flatnonzero(bytes_ == between[0])
    if len(between) > 1:
        delimiters = _places(data, between)
        # Where delimiters overlap, readers may cut differently.
        overlap = delimiters[1:][np.diff(delimiters) < len(between)]
        for places in (overlap, np.flatnonzero(bytes_ == STAND_IN[0])):
            sound[np.searchsorted(stops, places, side="right")] = False
    if b'"' in data:
        wrong, inside = _quotes(bytes_, starts, stops, delimiters, between)
        sound[wrong] = False
        delimiters = delimiters[~inside]
    n_before = np.searchsorted(delimiters, np.append(0, stops))
    sound &= np.diff(n_before) == len(dialect.columns) - 1
    if UTF8_BOM in data:  # Arrow takes those at the begin of what it reads for a mark, not for text
        sound[np.isin(starts, _places(data, UTF8_BOM))] = False
    sound[np.searchsorted(stops, _no_text(data, bytes_, stops, dialect.encoding), side="right")] = False
    return _Block(data, [0, *stops.tolist()], filled, sound | ~filled)


def _places(data: bytes, what: bytes) -> np.ndarray:
    """Every place where some bytes stand, overlapping ones too."""
    bytes_ = np.frombuffer(data, np.uint8)
    size = max(bytes_.size - len(what) + 1, 0)
    found = np.ones(size, bool)
    for at, byte in enumerate(what):
        found &= bytes_[at : at + size] == byte
    return np.flatnonzero(found)


def _quotes(
    bytes_: np.ndarray, starts: np.ndarray, stops: np.ndarray, delimiters: np.ndarray, between: bytes
) -> tuple[np.ndarray, np.ndarray]:
    """Lines whose quotes are not plainly right; and (n_delimiters,) bool, which delimiters are quoted."""
    quotes = np.flatnonzero(bytes_ == QUOTE)
    line = np.searchsorted(stops, quotes, side="right")
    before = np.append(0, np.searchsorted(quotes, stops))  # quotes before each line
    begins = quotes == starts[line]
    after_delimiter = bytes_[quotes - 1] == between[-1]
    opened = np.zeros(starts.size, bool)
    opened[line[begins | after_delimiter]] = True
    if len(between) > 1:
        return np.flatnonzero(np.diff(before)), np.zeros(delimiters.size, bool)
    nth = np.arange(quotes.size) - before[line]
    following = bytes_[np.minimum(quotes + 1, bytes_.size - 1)]
    ends = (quotes + 1 == bytes_.size) | np.isin(following, (QUOTE, LF, CR, between[0]))
    right = np.where(nth % 2 == 0, begins | after_delimiter | (bytes_[quotes - 1] == QUOTE), ends)
    wrong = np.diff(before) % 2 == 1
    wrong[line[~right]] = True
    own = np.searchsorted(stops, delimiters, side="right")
    inside = (np.searchsorted(quotes, delimiters) - before[own]) % 2 == 1
    # A line none of whose fields begins with a quote has quotes that are mere characters.
    return np.flatnonzero(wrong & opened), inside & opened[own]


def _no_text(data: bytes, bytes_: np.ndarray, stops: np.ndarray, encoding: str) -> np.ndarray:
    """A place in every line that holds a NUL byte, or bytes that may not be text."""
    nul = np.flatnonzero(bytes_ == 0)
    if data.isascii():
        return nul
    if encoding == "latin-1":
        return np.append(nul, np.flatnonzero(NOT_IN_WINDOWS_1252[bytes_]))
    places, at, view = [], 0, memoryview(data)
    while at < len(data):
        try:
            str(view[at:], "utf-8")
            break
        except UnicodeDecodeError as error:
            places.append(at + error.start)
            at = int(stops[np.searchsorted(stops, places[-1], side="right")])
    return np.append(nul, np.array(places, np.int64))
