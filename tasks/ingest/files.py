"""Which files a table is read from, of what format they are, and their bytes whatever compresses them."""

import codecs
import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from glob import glob
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import pyarrow as pa

from tasks.settings.data import Table
from warehouse.errors import SourceError

CHUNK = 4 << 20
UTF8_BOM = b"\xef\xbb\xbf"
UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
UTF32_BOM = b"\xff\xfe\x00\x00"
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
LOOKED_AT = 4096  # bytes, which tell a file of UTF-16 without a byte order mark

Format = Literal["csv", "json", "parquet"]
Compression = Literal["none", "gzip", "zstd"]
Utf16 = Literal["utf-16-le", "utf-16-be"]
SUFFIXES: dict[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}
MAGIC: dict[bytes, Compression] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True)
class File:
    """One file: its name as reports give it, where it lies, how to read it."""

    name: str
    path: Path
    format: Format
    compression: Compression

    utf16: Utf16 | None = None  # what it is to be turned from into UTF-8

    def chunks(self) -> Iterator[bytes]:
        """The decompressed bytes in pieces, as UTF-8 if they are UTF-16, without a byte order mark."""
        pieces = self._raw_chunks()
        yield from _as_utf8(pieces, self.utf16) if self.utf16 else pieces

    def _raw_chunks(self) -> Iterator[bytes]:
        first = True
        try:
            with self.path.open("rb") as raw:
                if self.compression == "gzip":
                    stream = gzip.GzipFile(fileobj=raw)
                elif self.compression == "zstd":
                    stream = pa.CompressedInputStream(pa.PythonFile(raw), "zstd")
                else:
                    stream = raw
                while chunk := stream.read(CHUNK):
                    yield chunk.removeprefix(UTF8_BOM) if first and not self.utf16 else chunk
                    first = False
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self.broken(error) from error
        except OSError as error:
            if self.compression != "none":
                raise self.broken(error) from error
            raise unreadable(self.name, error) from error

    def broken(self, error: Exception) -> SourceError:
        """What to say when decompression fails."""
        return SourceError(
            f"{self.name} is cut short or damaged: {error}; copy or download it again, "
            "or take it out of `files` in the TOML"
        )


def _as_utf8(pieces: Iterable[bytes], utf16: Utf16) -> Iterator[bytes]:
    """UTF-16 as UTF-8; what is no text stays no text, so that its row is set aside."""
    decoder = codecs.getincrementaldecoder(utf16)("surrogatepass")
    first, rest = True, b""
    for piece in pieces:
        data = rest + piece
        rest = data[len(data) // 2 * 2 :]
        text = decoder.decode(data[: len(data) // 2 * 2])
        yield (text.removeprefix("\ufeff") if first and text else text).encode("utf-8", "surrogatepass")
        first = first and not text
    if rest or decoder.getstate()[0]:
        yield b"\xff"  # half a character


def _utf16_of(file: File, encoding: str) -> Utf16 | None:
    """Whether a file is UTF-16: by its byte order mark, by its settings, or since every other byte is zero.

    Raises:
        SourceError: it is UTF-32.
    """
    start = next(file.chunks(), b"")[:LOOKED_AT]
    if start.startswith(UTF32_BOM):
        raise SourceError(f"{file.name} is UTF-32, which is not read; save it as UTF-8 and run again")
    if start.startswith(UTF16_BOMS):
        return "utf-16-le" if start.startswith(UTF16_BOMS[0]) else "utf-16-be"
    even, odd = start[::2].count(0), start[1::2].count(0)
    if encoding == "utf-16":
        return "utf-16-be" if even > odd else "utf-16-le"
    if encoding != "auto" or len(start) < 8:
        return None
    most = 0.4 * len(start)  # of half of the bytes
    if odd > most and even < most / 8:
        return "utf-16-le"
    return "utf-16-be" if even > most and odd < most / 8 else None


def folder_keys(name: str) -> dict[str, str]:
    """What the folders of a file's name say, as Hive writes it: `day=2025-03-04/part.csv`.

    >>> folder_keys("log/day=2025-03-04/kind=a%20b/part.csv")
    {'day': '2025-03-04', 'kind': 'a b'}
    """
    pairs = (folder.partition("=") for folder in Path(name).parts[:-1])
    return {
        key: "" if value == HIVE_NULL else unquote(value) for key, between, value in pairs if between and key
    }


def unreadable(name: str, error: OSError) -> SourceError:
    """What to say when the system refuses a file."""
    return SourceError(
        f"cannot read {name}: {error.strerror or error}; let this user read it, "
        "or correct `files` in the TOML"
    )


def find_files(table: Table, base: Path) -> list[File]:
    """The files that a table's paths and globs, from `base` on, stand for: each once, of a glob by name."""
    found: dict[Path, File] = {}
    for pattern in table.files:
        literal = base / pattern
        if literal.is_file():
            paths = [literal]
        else:
            names = sorted(glob(pattern, root_dir=base, recursive=True))  # noqa: PTH207
            paths = [base / name for name in names if (base / name).is_file()]
        if not paths:
            what = "is a folder" if literal.is_dir() else "does not exist and, as a pattern, matches no file"
            hint = f'files = ["{pattern.rstrip("/")}/*.csv"]' if literal.is_dir() else "correct the path"
            raise SourceError(f"'{pattern}' {what} (looked from {base}); in the TOML: {hint}")
        for path in paths:
            if path not in found:
                found[path] = _file(path, base, table.encoding)
    return list(found.values())


def _file(path: Path, base: Path, encoding: str) -> File:
    name = str(path.relative_to(base)) if path.is_relative_to(base) else str(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
    except OSError as error:
        raise unreadable(name, error) from error
    compression: Compression = "none"
    for magic, kind in MAGIC.items():
        if start.startswith(magic):
            compression = kind
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in (".gz", ".zst"):
        if compression == "none" and start:
            raise SourceError(
                f"{name} is named {suffixes[-1]} and holds no such data; "
                "download it again, or rename it if it is not compressed"
            )
        suffixes.pop()
    format_ = "parquet" if start == b"PAR1" else SUFFIXES.get(suffixes[-1] if suffixes else "", "csv")
    if format_ == "parquet" and compression != "none":
        raise SourceError(f"{name} is compressed Parquet; decompress it: Parquet compresses itself")
    file = File(name, path, format_, compression)
    return file if format_ == "parquet" else replace(file, utf16=_utf16_of(file, encoding))


@contextmanager
def lending(file: File) -> Iterator[None]:
    """Say in our words what the system says about a file that is opened by someone else's code."""
    try:
        yield
    except OSError as error:
        raise unreadable(file.name, error) from error
