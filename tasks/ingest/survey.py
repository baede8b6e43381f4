"""A first look over all bytes of a text file: encoding, line ends, and how many records there are.

This is the reader that rows are counted by; it shares nothing with the reader that loads them.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

import numpy as np

MAX_RECORD = 2_000_000
"""Bytes; a longer record is damage (most often a quote that nobody closed), not data."""

FEW = 1000
"""So few bytes that are not UTF-8, one in so many lines, are damage in a file of ASCII, not its encoding."""

LF, CR, QUOTE = 0x0A, 0x0D, 0x22
LineEnds = Literal["lf", "crlf", "cr", "mixed"]


class Wild(Exception):
    """Quotes do not pair up, so that records cannot be told apart by counting quotes."""


@dataclass(frozen=True)
class Block:
    """Whole records of a file."""

    offset: int  # where it begins in the file, in bytes after a byte order mark
    data: bytes
    starts: np.ndarray  # (n,) int64, where its records begin in `data`, blank lines left out
    ends: np.ndarray  # (n,) int64, where they end, their line end not counted
    lines: np.ndarray  # (n,) int64, how many line ends come before each of them in `data`
    line_ends: int  # how many there are in `data`


@dataclass
class Survey:
    """What the bytes of a file say about it."""

    n_records: int = 0  # blank lines left out, a header counted
    line_ends: LineEnds = "lf"
    nul: bool = False
    wild: bool = False  # whether records have to be told apart one by one; n_records is not known yet then
    # The bytes that stand before quotes that open a field, and behind quotes that close one.
    beside_quotes: set[int] = field(default_factory=set)
    n_lines: int = 0
    utf8_characters: int = 0  # characters that are not ASCII
    stray_bytes: int = 0  # bytes that belong to no character of UTF-8

    @property
    def encoding(self) -> Literal["utf-8", "latin-1"]:
        """Latin-1 if stray bytes are more than characters of UTF-8, and more than one in FEW lines."""
        latin = self.stray_bytes > self.utf8_characters and self.stray_bytes * FEW > self.n_lines
        return "latin-1" if latin else "utf-8"

    def plainly_quoted(self, delimiter: bytes) -> bool:
        """Whether all readers understand its quotes alike; beside a long delimiter that is not certain."""
        return not self.beside_quotes or (
            len(delimiter) == 1 and self.beside_quotes <= {QUOTE, LF, CR, delimiter[0]}
        )

    @property
    def clean(self) -> bool:
        """Whether a parallel reader can be trusted with it."""
        return not (self.wild or self.nul or self.line_ends == "mixed")


def survey(chunks: Iterable[bytes], quoted: bool) -> Survey:
    """Read the bytes of a file once; `quoted` if a line end between quotes belongs to a field, as in CSV."""
    seen = Survey()
    counts = dict.fromkeys((b"\n", b"\r", b"\r\n"), 0)
    see_encoding = _encoding_seen(seen)

    def looking() -> Iterator[bytes]:
        last = b""
        for chunk in chunks:
            see_encoding(chunk, False)
            seen.nul |= b"\0" in chunk
            counts[b"\n"] += _count(chunk, LF)
            if b"\r" in chunk or last == b"\r":
                counts[b"\r"] += _count(chunk, CR)
                counts[b"\r\n"] += chunk.count(b"\r\n") + (last == b"\r" and chunk.startswith(b"\n"))
            last = chunk[-1:]
            yield chunk
        see_encoding(b"", True)

    source = looking()
    first = next(source, b"")
    terminator = CR if b"\r" in first[:-1] and b"\n" not in first else LF
    try:
        for data, ends in _whole_records(chain([first], source), terminator, quoted):
            seen.n_records += _count_records(data, ends, terminator)
            if quoted and b'"' in data:
                seen.beside_quotes |= _beside_quotes(data)
    except Wild:
        seen.wild = True
        for _ in source:
            pass
    lf, cr, crlf = counts.values()
    seen.n_lines = lf + cr - crlf
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


def _count(data: bytes, byte: int) -> int:
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == byte))


def _encoding_seen(seen: Survey) -> Callable[[bytes, bool], None]:
    """Takes the bytes of a file in turn, and whether they are the last."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def see(chunk: bytes, final: bool) -> None:
        if chunk.isascii() and not decoder.getstate()[0]:
            return
        text = decoder.decode(chunk, final)
        if text.isascii():
            return
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        stray = int(np.count_nonzero((codes >= 0xDC80) & (codes <= 0xDCFF)))
        seen.utf8_characters += int(np.count_nonzero(codes > 0x7F)) - stray
        seen.stray_bytes += stray

    return see


def _beside_quotes(data: bytes) -> set[int]:
    """The neighbours, in whole records, of first quotes on their left and of second ones on their right."""
    bytes_ = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(bytes_ == QUOTE)
    first, second = quotes[::2], quotes[1::2]
    left = bytes_[first[first > 0] - 1]
    right = bytes_[second[second < bytes_.size - 1] + 1]
    counted = np.bincount(left, minlength=256) + np.bincount(right, minlength=256)
    return set(np.flatnonzero(counted).tolist()) or {QUOTE}


def _whole_records(
    chunks: Iterable[bytes], terminator: int, quoted: bool
) -> Iterator[tuple[bytes, np.ndarray | None]]:
    """Pieces that hold whole records, and their record ends where quotes make them differ from line ends."""
    line_end = bytes([terminator])
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        if quoted and b'"' in data:
            bytes_ = np.frombuffer(data, np.uint8)
            ends = np.flatnonzero(bytes_ == terminator)
            quotes_before = np.searchsorted(np.flatnonzero(bytes_ == QUOTE), ends)
            ends = ends[quotes_before % 2 == 0]
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
