"""Damaged CSV, record by record: what the parallel reader will not touch, and a second way to count it.

Both ways keep one rule. A record whose quotes are wrong (never closed, or closed before the end of the field)
ends with its first line, which is bad; reading goes on with the next line, so that one stray quote does not
swallow the rows behind it.
"""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tasks.ingest.survey import CR, LF, MAX_RECORD

# No decoded text holds it, so it can stand for a delimiter that is longer than csv allows.
STAND_IN = "\ud800"
UNDECODED = re.compile("[\udc80-\udcff]")
LINE_OF_FILE = re.compile(rb"[^\r\n]*+(?:\r\n|\r|\n)?")
IN_QUOTES = re.compile(rb'(?:[^"]++|"")*+')


@dataclass(frozen=True)
class Record:
    """One record: its fields, or the reason why it has none, and perhaps in which field that lies."""

    line: int
    fields: list[str]
    raw: bytes
    reason: str = ""
    field: int | None = None


def whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that end where a line ends; what exceeds the longest record is cut off."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        # A carriage return at the end may be the first half of a line end.
        upto = len(data) - data.endswith(b"\r")
        cut = max(data.rfind(b"\n", 0, upto), data.rfind(b"\r", 0, upto)) + 1
        rest = data[cut:]
        if len(rest) > MAX_RECORD and not rest.endswith(b"\r"):
            rest = rest[: MAX_RECORD + 1]
        if cut:
            yield data[:cut]
    if rest:
        yield rest


def marked_last(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each piece, and whether it is the last."""
    held: bytes | None = None
    for piece in pieces:
        if held is not None:
            yield held, False
        held = piece
    if held is not None:
        yield held, True


def physical_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends, whichever ends they have."""
    for piece in whole_lines(chunks):
        yield from piece.splitlines(keepends=True)


class Lines:
    """Lines that can be taken back."""

    def __init__(self, lines: Iterator[bytes], before: int = 0) -> None:
        self._source = lines
        self._returned: deque[bytes] = deque()
        self.number = before  # of the line taken last, from 1
        self.asked_beyond = False  # whether more was asked for than there is

    def take(self) -> bytes | None:
        """The next line."""
        line = self._returned.popleft() if self._returned else next(self._source, None)
        self.number += line is not None
        self.asked_beyond |= line is None
        return line

    def give_back(self, lines: list[bytes]) -> None:
        """Put the lines taken last before the next one."""
        self._returned.extendleft(reversed(lines))
        self.number -= len(lines)


def decode(data: bytes, encoding: str) -> str:
    """Text; bytes that are not of the encoding become lone surrogates. Latin-1 is read as the web reads it.

    Windows-1252 has letters where Latin-1 has control characters that nobody writes.
    """
    if encoding == "utf-8" or data.isascii():
        return data.decode("utf-8", "surrogateescape")
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def read_records(chunks: Iterable[bytes], delimiter: str, encoding: str) -> Iterator[Record]:
    """Every record that is not a blank line, in order."""
    lines = Lines(physical_lines(chunks))
    while (record := next_record(lines, delimiter, encoding)) is not None:
        yield record


def next_record(lines: Lines, delimiter: str, encoding: str) -> Record | None:
    """The next record that is not a blank line; afterwards `lines.number` is the line where it ends."""
    while (line := lines.take()) is not None:
        bare = line.rstrip(b"\r\n")
        if not bare:
            continue
        number = lines.number
        if len(bare) > MAX_RECORD:
            return Record(number, [], line, f"is longer than {MAX_RECORD:,} bytes")
        if b'"' in bare:
            return _quoted_record(lines, line, delimiter, encoding)
        return _checked(number, decode(bare, encoding).split(delimiter), line, encoding)
    return None


def _quoted_record(lines: Lines, first: bytes, delimiter: str, encoding: str) -> Record:
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD + 1))
    number = lines.number
    taken = [first]
    size = len(first)
    too_long = False

    def feed() -> Iterator[str]:
        nonlocal size, too_long
        line: bytes | None = first
        while line is not None:
            text = decode(line, encoding)
            yield text.replace(delimiter, STAND_IN) if len(delimiter) > 1 else text
            line = lines.take()
            if line is not None:
                taken.append(line)
                size += len(line)
                if size > MAX_RECORD:
                    too_long = True
                    return

    stand_in = STAND_IN if len(delimiter) > 1 else delimiter
    try:
        fields = next(csv.reader(feed(), delimiter=stand_in, strict=True))
    except csv.Error as error:
        lines.give_back(taken[1:])
        if too_long or "end of data" in str(error):
            reason = "has a quote that is not closed"
        else:
            reason = "has a quote inside a quoted field that is not doubled"
        return Record(number, [], first, reason)
    if len(delimiter) > 1:
        fields = [field.replace(STAND_IN, delimiter) for field in fields]
    return _checked(number, fields, b"".join(taken), encoding)


def _checked(number: int, fields: list[str], content: bytes, encoding: str) -> Record:
    if b"\0" in content:
        where = next((at for at, field in enumerate(fields) if "\0" in field), None)
        return Record(number, [], content, "holds a NUL byte", where)
    if encoding == "utf-8" and not content.isascii():
        for where, field in enumerate(fields):
            if undecoded := UNDECODED.search(field):
                byte = ord(undecoded[0]) - 0xDC00
                reason = (
                    f"holds the byte 0x{byte:02X}, which is not UTF-8; "
                    'if the whole file is Latin-1: encoding = "latin-1"'
                )
                return Record(number, [], content, reason, where)
    return Record(number, fields, content)


def shown(content: bytes, encoding: str) -> str:
    """A record as a report can show it: cut, and with what is no text as hexadecimal."""
    cut = content[:1000].rstrip(b"\r\n")
    text = cut.decode("utf-8", "backslashreplace") if encoding == "utf-8" else decode(cut, encoding)
    return text.replace("\0", "\\x00") + ("..." if len(content) > 1002 else "")


def count_records(chunks: Iterable[bytes], delimiter: str, encoding: str) -> int:
    """How many records there are, told by scanning for quotes and delimiters in the bytes."""
    between = delimiter.encode(encoding)
    plain_record = _plain_record(between)
    n = 0
    rest = b""
    for piece, last in marked_last(whole_lines(chunks)):
        data, at = rest + piece, 0
        while (quote := data.find(b'"', at)) >= 0:
            start = max(at - 1, data.rfind(b"\n", at, quote), data.rfind(b"\r", at, quote)) + 1
            n += _filled_lines(data[at:start]) if at < start else 0
            at = start
            plain = plain_record.match(data, start)
            end = plain.end() if plain else None
            if end is None or end - start > MAX_RECORD:
                end = _record_end(data, start, between, last)
            if end is None:
                break
            n += 1
            at = end
        else:
            n += _filled_lines(data[at:]) if at < len(data) else 0
            at = len(data)
        rest = data[at:]
    return n


def _plain_record(delimiter: bytes) -> re.Pattern[bytes]:
    """A record on one line whose quotes are plainly right, and its line end."""
    between = re.escape(delimiter)
    bare = rb'[^"\r\n' + between + rb"]*+" if len(delimiter) == 1 else rb"(?:(?!" + between + rb')[^"\r\n])*+'
    field = rb'(?:"(?:[^"\r\n]++|"")*+"|' + bare + rb")"
    return re.compile(field + rb"(?:" + between + field + rb")*+(?:\r\n|\r|\n)")


def _filled_lines(data: bytes) -> int:
    is_end = np.isin(np.frombuffer(data, np.uint8), (LF, CR))
    return int(np.count_nonzero(~is_end[1:] & is_end[:-1])) + (not is_end[0])


def _record_end(data: bytes, start: int, delimiter: bytes, last: bool) -> int | None:
    """Where the record that begins at a place ends, its line end counted; None if behind the data."""
    first = stop = LINE_OF_FILE.match(data, start).end()  # pyright: ignore[reportOptionalMemberAccess]
    bare = data[start:stop].rstrip(b"\r\n")
    if len(bare) > MAX_RECORD:
        return first
    state = _scan(bare, delimiter, inside=False)
    while state == "open":
        if stop == len(data):
            return first if last else None
        begin, stop = stop, LINE_OF_FILE.match(data, stop).end()  # pyright: ignore[reportOptionalMemberAccess]
        if stop - start > MAX_RECORD:
            return first
        state = _scan(data[begin:stop].rstrip(b"\r\n"), delimiter, inside=True)
    return stop if state == "closed" else first


def _scan(line: bytes, delimiter: bytes, inside: bool) -> str:
    """Whether a line leaves a quote "open", all "closed", or is "wrong": a closed quote amid a field."""
    at = 0
    while True:
        if inside or line.startswith(b'"', at):
            match = IN_QUOTES.match(line, at if inside else at + 1)
            assert match is not None
            if match.end() == len(line):
                return "open"
            at = match.end() + 1
            if at == len(line):
                return "closed"
            if not line.startswith(delimiter, at):
                return "wrong"
            inside = False
        else:
            at = line.find(delimiter, at)
            if at < 0:
                return "closed"
        at += len(delimiter)
        if at == len(line):
            return "closed"
