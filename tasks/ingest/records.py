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

from tasks.ingest.survey import MAX_RECORD

# No decoded text holds it, so it can stand for a delimiter that is longer than csv allows.
STAND_IN = "\ud800"
UNDECODED = re.compile("[\udc80-\udcff]")
IN_QUOTES = re.compile(rb'(?:[^"]++|"")*+')


@dataclass(frozen=True)
class Record:
    """One record: its fields, or the reason why it has none, and perhaps in which field that lies."""

    line: int
    fields: list[str]
    raw: bytes
    reason: str = ""
    field: int | None = None


def physical_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends, whichever ends they have; what exceeds the longest record is cut off."""
    rest = b""
    for chunk in chunks:
        lines = (rest + chunk).splitlines(keepends=True)
        # A carriage return at the end may be the first half of a line end.
        rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        if len(rest) > MAX_RECORD and not rest.endswith(b"\r"):
            rest = rest[: MAX_RECORD + 1]
        yield from lines
    if rest:
        yield rest


class _Lines:
    """Lines that can be taken back."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._source = physical_lines(chunks)
        self._returned: deque[bytes] = deque()
        self.number = 0

    def take(self) -> bytes | None:
        line = self._returned.popleft() if self._returned else next(self._source, None)
        self.number += line is not None
        return line

    def give_back(self, lines: list[bytes]) -> None:
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
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD + 1))
    lines = _Lines(chunks)
    while (line := lines.take()) is not None:
        bare = line.rstrip(b"\r\n")
        if not bare:
            continue
        number = lines.number
        if len(bare) > MAX_RECORD:
            yield _bad(number, line, f"is longer than {MAX_RECORD:,} bytes")
        elif b'"' in bare:
            yield _quoted_record(lines, line, delimiter, encoding)
        else:
            text = decode(bare, encoding)
            yield _judged(number, text.split(delimiter), line, encoding)


def _quoted_record(lines: _Lines, first: bytes, delimiter: str, encoding: str) -> Record:
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
            reason = f"the quote that opens in line {number} is not closed"
        else:
            reason = "a quote inside a quoted field must be doubled"
        return _bad(number, first, reason)
    if len(delimiter) > 1:
        fields = [field.replace(STAND_IN, delimiter) for field in fields]
    return _judged(number, fields, b"".join(taken), encoding)


def _judged(number: int, fields: list[str], content: bytes, encoding: str) -> Record:
    if b"\0" in content:
        where = next((at for at, field in enumerate(fields) if "\0" in field), None)
        return _bad(number, content, "holds a NUL byte", where)
    if encoding == "utf-8" and not content.isascii():
        where = next((at for at, field in enumerate(fields) if UNDECODED.search(field)), None)
        if where is not None:
            reason = 'holds bytes that are not UTF-8; if the whole file is Latin-1: encoding = "latin-1"'
            return _bad(number, content, reason, where)
    return Record(number, fields, content)


def _bad(number: int, content: bytes, reason: str, field: int | None = None) -> Record:
    return Record(number, [], content, reason, field)


def shown(content: bytes, encoding: str) -> str:
    """A record as a report can show it: cut, and with what is no text as hexadecimal."""
    cut = content[:1000].rstrip(b"\r\n")
    text = cut.decode("utf-8", "backslashreplace") if encoding == "utf-8" else decode(cut, encoding)
    return text.replace("\0", "\\x00") + ("..." if len(content) > 1002 else "")


def count_records(chunks: Iterable[bytes], delimiter: str, encoding: str) -> int:
    """How many records there are, told by scanning for quotes and delimiters in the bytes."""
    between = delimiter.encode(encoding)
    lines = _Lines(chunks)
    n = 0
    while (line := lines.take()) is not None:
        bare = line.rstrip(b"\r\n")
        if not bare:
            continue
        n += 1
        if b'"' not in bare or len(bare) > MAX_RECORD:
            continue
        taken: list[bytes] = []
        size = len(line)
        state = _scan(bare, between, inside=False)
        while state == "open":
            following = lines.take()
            if following is None:
                break
            taken.append(following)
            size += len(following)
            if size > MAX_RECORD:
                break
            state = _scan(following.rstrip(b"\r\n"), between, inside=True)
        if state != "closed":
            lines.give_back(taken)
    return n


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
