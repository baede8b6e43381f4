"""Which files a table is read from, of what format they are, and their bytes whatever compresses them."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Literal

import pyarrow as pa

from tasks.settings.data import Table
from warehouse.errors import SourceError

CHUNK = 4 << 20
UTF8_BOM = b"\xef\xbb\xbf"
OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")

Format = Literal["csv", "json", "parquet"]
Compression = Literal["none", "gzip", "zstd"]
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

    def chunks(self) -> Iterator[bytes]:
        """The decompressed bytes in pieces, without a byte order mark."""
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
                    if first and chunk.startswith(OTHER_BOMS):
                        raise SourceError(
                            f"{self.name} is UTF-16, which is not read; save it as UTF-8 and run again"
                        )
                    yield chunk.removeprefix(UTF8_BOM) if first else chunk
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
                found[path] = _file(path, base)
    return list(found.values())


def _file(path: Path, base: Path) -> File:
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
    return File(name, path, format_, compression)


@contextmanager
def lending(file: File) -> Iterator[None]:
    """Say in our words what the system says about a file that is opened by someone else's code."""
    try:
        yield
    except OSError as error:
        raise unreadable(file.name, error) from error
