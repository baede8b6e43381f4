"""A first look over all bytes of a text file: encoding, line ends, and how many records there are.

This is the reader that rows are counted by; it shares nothing with the reader that loads them.
"""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

MAX_RECORD = 2_000_000
"""Bytes; a longer record is damage (most often a quote that nobody closed), not data."""

LF, CR, QUOTE = 0x0A, 0x0D, 0x22
LineEnds = Literal["lf", "crlf", "cr", "mixed"]


class Wild(Exception):
    """Quotes do not pair up, so that records cannot be told apart by counting quotes."""


@dataclass(frozen=True)
class Block:
    """Whole records of a file.

    Attributes:
        offset: Where it begins in the file, in bytes after a byte order mark.
        data: Its bytes.
        starts: (n,) int64, where its records begin in `data`, blank lines left out.
        ends: (n,) int64, where they end, their line end not counted.
        lines: (n,) int64, how many line ends come before each of them in `data`.
        line_ends: All line ends in `data`.
    """

    offset: int
    data: bytes
    starts: np.ndarray
    ends: np.ndarray
    lines: np.ndarray
    line_ends: int


@dataclass
class Survey:
    """What the bytes of a file say about it."""

    n_records: int = 0
    """Blank lines left out, a header counted."""
    line_ends: LineEnds = "lf"
    nul: bool = False
    wild: bool = False
    """Whether records have to be told apart one by one; then n_records is not known yet."""
    utf8_characters: bool = False
    not_utf8: bool = False

    @property
    def encoding(self) -> Literal["utf-8", "latin-1"]:
        """UTF-8, and Latin-1 for a file that holds other bytes and not one character of UTF-8."""
        return "latin-1" if self.not_utf8 and not self.utf8_characters else "utf-8"

    @property
    def clean(self) -> bool:
        """Whether a parallel reader can be trusted with it."""
        return not (self.wild or self.nul or self.line_ends == "mixed")


def survey(chunks: Iterable[bytes], quoted: bool) -> Survey:
    """Read a file once.

    Args:
        chunks: Its bytes, decompressed.
        quoted: Whether a line end between quotes belongs to a field, as in CSV.
    """
    seen = Survey()
    counts = dict.fromkeys((b"\n", b"\r", b"\r\n"), 0)
    decoder = codecs.getincrementaldecoder("utf-8")("strict")

    def looking() -> Iterator[bytes]:
        last = b""
        for chunk in chunks:
            _see_encoding(seen, decoder, chunk)
            seen.nul |= b"\0" in chunk
            counts[b"\n"] += _count(chunk, LF)
            if b"\r" in chunk or last == b"\r":
                counts[b"\r"] += _count(chunk, CR)
                counts[b"\r\n"] += chunk.count(b"\r\n") + (last == b"\r" and chunk.startswith(b"\n"))
            last = chunk[-1:]
            yield chunk
        _see_encoding(seen, decoder, b"", final=True)

    source = looking()
    first = next(source, b"")
    terminator = CR if b"\r" in first[:-1] and b"\n" not in first else LF
    try:
        for data, ends in _whole_records(_again(first, source), terminator, quoted):
            seen.n_records += _count_records(data, ends, terminator)
    except Wild:
        seen.wild = True
        for _ in source:
            pass
    lf, cr, crlf = counts.values()
    if cr:
        seen.line_ends = "crlf" if lf == cr == crlf else "cr" if not lf else "mixed"
    if seen.line_ends == "cr" and terminator == LF:
        seen.line_ends = "mixed"
    return seen


def blocks(chunks: Iterable[bytes], line_ends: LineEnds, quoted: bool) -> Iterator[Block]:
    """Where each record begins and ends, for a file whose survey is clean."""
    terminator = CR if line_ends == "cr" else LF
    offset = 0
    for data, ends in _whole_records(chunks, terminator, quoted):
        bytes_ = np.frombuffer(data, np.uint8)
        line_ends_at = np.flatnonzero(bytes_ == terminator)
        starts, ends = _filled(data, line_ends_at if ends is None else ends)
        lines = np.searchsorted(line_ends_at, starts)
        yield Block(offset, data, starts, ends, lines, line_ends_at.size)
        offset += len(data)


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _count(data: bytes, byte: int) -> int:
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == byte))


def _see_encoding(
    seen: Survey, decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool = False
) -> None:
    if chunk.isascii() and not decoder.getstate()[0]:
        return
    try:
        text = decoder.decode(chunk, final)
    except UnicodeDecodeError:
        seen.not_utf8 = True
        text = (decoder.getstate()[0] + chunk).decode("utf-8", "ignore")
        decoder.reset()
    seen.utf8_characters |= not text.isascii()


def _whole_records(
    chunks: Iterable[bytes], terminator: int, quoted: bool
) -> Iterator[tuple[bytes, np.ndarray | None]]:
    """Pieces that hold whole records, and their record ends where quotes make them differ from line ends."""
    line_end = bytes([terminator])
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        if quoted and b'"' in data:
            ends = _unquoted_ends(data, terminator)
            cut = int(ends[-1]) + 1 if ends.size else 0
        else:
            ends = None
            cut = data.rfind(line_end) + 1
        rest = data[cut:]
        if len(rest) > MAX_RECORD:
            raise Wild
        if cut:
            yield data[:cut], ends
    if rest:
        if quoted and rest.count(b'"') % 2:
            raise Wild
        yield rest, np.array([], np.int64)


def _unquoted_ends(data: bytes, terminator: int) -> np.ndarray:
    bytes_ = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(bytes_ == terminator)
    quotes_before = np.searchsorted(np.flatnonzero(bytes_ == QUOTE), ends)
    return ends[quotes_before % 2 == 0]


def _count_records(data: bytes, ends: np.ndarray | None, terminator: int) -> int:
    line_end = bytes([terminator])
    blank = line_end * 2 in data or b"\n\r\n" in data or data.startswith((line_end, b"\r\n"))
    if ends is None and not blank:
        return _count(data, terminator)
    if ends is None:
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == terminator)
    return _filled(data, ends)[0].size


def _filled(data: bytes, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of records that are no blank lines."""
    if not ends.size or ends[-1] != len(data) - 1:
        ends = np.append(ends, len(data))
    starts = np.append(0, ends[:-1] + 1)
    if b"\r" in data:
        bytes_ = np.frombuffer(data, np.uint8)
        ends = ends - ((ends > starts) & (bytes_[np.maximum(ends - 1, 0)] == CR))
    filled = ends > starts
    return starts[filled], ends[filled]
