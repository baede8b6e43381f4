"""The tables that lie in a folder: which files belong together, their headers, their first rows."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from glob import glob
from itertools import islice
from pathlib import Path

import polars as pl

from tasks.ingest.drafting.names import concepts, parts
from tasks.ingest.drafting.profile import DATE, HASH, NUMBER, Profile
from tasks.ingest.files import folder_keys
from tasks.ingest.sample import sample
from tasks.settings.data import Table
from warehouse.errors import SettingsError, SourceError
from warehouse.staging import taken_names

ROWS = 5_000
LOOK = 60  # rows that tell whether the first one is a header
MAX_FILES = 5_000
LISTED_FILES = 6  # so many files are named one by one, more by a pattern
TABLES = {"csv", "tsv", "txt", "dat", "data", "item", "user", "inter", "tab", "psv"}
NAMED_COLUMNS = {"json", "jsonl", "ndjson", "parquet", "pq"}
TABLES |= NAMED_COLUMNS
ASIDE = {
    "xlsx": "a workbook: save each sheet as CSV",
    "xls": "a workbook: save each sheet as CSV",
    "ods": "a workbook: save each sheet as CSV",
    "zip": "an archive: unpack it",
    "7z": "an archive: unpack it",
    "tar": "an archive: unpack it",
    "tgz": "an archive: unpack it",
    "rar": "an archive: unpack it",
    "bz2": "compressed in a way that is not read: decompress it",
    "xz": "compressed in a way that is not read: decompress it",
    "feather": "a format that is not read: write it as Parquet",
    "avro": "a format that is not read: write it as Parquet",
    "orc": "a format that is not read: write it as Parquet",
    "db": "a database: write connection = ... in the TOML",
    "sqlite": "a database that is not read: export its tables as CSV",
    "duckdb": "a database: write connection = ... in the TOML",
}
DOCUMENTS = re.compile(r"(?i)^(readme|licen[cs]e|changelog|notice|copying|terms|citation)\b")
SMALLER = {"small", "sample", "mini", "tiny", "toy", "debug", "subset", "test"}
FOLDER_KEY = re.compile(r"^([^=/]+)=([^/]*)$")
BLOCK = re.compile(rb"^\s*\d+:\s*$")


@dataclass(frozen=True, eq=False)
class Sampled:
    """One table: its files as the TOML names them, and its first rows, all as text."""

    files: tuple[str, ...]
    rows: pl.DataFrame
    header: bool = True
    whole: bool = True  # whether the rows are all there are
    size: int = 0  # bytes of all files
    note: str = ""  # what is wrong with it as a table
    given: str = ""  # the kind of table that a person said it is

    @property
    def name(self) -> str:
        """What it is called in a sentence."""
        return ", ".join(self.files)

    @cached_property
    def profiles(self) -> dict[str, Profile]:
        """Its columns."""
        return {name: Profile(name, self.rows[name]) for name in self.rows.columns}

    @cached_property
    def concepts(self) -> dict[str, dict[str, float]]:
        """What each column's name speaks of; nothing where there is no header."""
        return {name: concepts(name) if self.header else {} for name in self.rows.columns}

    @property
    def words(self) -> set[str]:
        """The words of its files' names."""
        return {word for file in self.files for word in parts(_stem(Path(file).name))}


@dataclass
class Found:
    """The tables of a folder, and what lies there beside them, each with a reason."""

    tables: list[Sampled]
    aside: list[str]


def look_at(base: Path, paths: Sequence[Path], given: str = "") -> Found:
    """Sample files, or all tables in folders, named relative to `base`; files of one table are put together.

    Raises:
        SettingsError: a path does not exist.
    """
    found = Found([], [])
    for path in paths:
        if not path.exists():
            raise SettingsError(f"there is no file {path}; correct the path")
    files = [file for path in paths for file in (_walk(path, found) if path.is_dir() else [path])]
    for group in _groups(files):
        found.tables += _sampled_group(base, group, found)
    found.tables = [replace(one, given=given) for one in _united(found)]
    return found


def _walk(folder: Path, found: Found) -> Iterator[Path]:
    """The files below a folder that may be tables, in order."""
    n = 0
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith((".", "_")) and name not in ("state", "node_modules")
        )
        for name in sorted(names):
            path, suffix = Path(at) / name, _suffix(name)
            if name.startswith((".", "_")) or name == "polyrec.toml" or DOCUMENTS.match(name):
                continue
            relative = path.relative_to(folder).as_posix()
            if suffix in ASIDE:
                found.aside.append(f"{relative}: {ASIDE[suffix]}")
            elif suffix in TABLES:
                n += 1
                if n > MAX_FILES:
                    found.aside.append(f"{relative} and what comes after it: more than {MAX_FILES:,} files")
                    return
                yield path
            else:
                found.aside.append(f"{relative}: not named like a table")


def _suffix(name: str) -> str:
    return name.lower().removesuffix(".gz").removesuffix(".zst").rpartition(".")[2]


def _stem(name: str) -> str:
    return name.lower().removesuffix(".gz").removesuffix(".zst").rpartition(".")[0] or name


def _alike(path: Path) -> tuple[str, ...]:
    """A path without what differs between the files of one table: numbers, values of folder keys, hashes."""
    names = [FOLDER_KEY.sub(r"\1=*", part) for part in path.parts]
    names[-1] = re.sub(r"[0-9a-f]{8,}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "*", names[-1])
    return tuple(name if name.endswith("=*") else re.sub(r"\d+", "*", name) for name in names)


def _groups(files: Iterable[Path]) -> list[list[Path]]:
    groups: dict[tuple[str, ...], list[Path]] = {}
    for file in dict.fromkeys(files):
        groups.setdefault(_alike(file), []).append(file)
    return list(groups.values())


def _sampled_group(base: Path, group: list[Path], found: Found) -> list[Sampled]:
    """One table of files that are named alike, or several where they differ in their columns."""
    first = _sampled(base, group[0], found)
    if first is None:
        return [one for path in group[1:] if (one := _sampled(base, path, found))]
    if len(group) == 1:
        return [_made_of_blocks(base, group) if first.note else first]
    last = _sampled(base, group[-1], found)
    if last is None or last.rows.columns != first.rows.columns:
        others = [_sampled(base, path, found) for path in group[1:-1]]
        return [one for one in (first, *others, last) if one]
    if first.note:
        return [_made_of_blocks(base, group)]
    size = sum(path.stat().st_size for path in group)
    rows, whole = pl.concat([first.rows, last.rows]), len(group) == 2 and first.whole and last.whole
    return [replace(first, files=_named(base, group), rows=rows, size=size, whole=whole)]


def _named(base: Path, group: Sequence[Path]) -> tuple[str, ...]:
    """Files as the TOML names them: one by one, or by a pattern that stands for them alone."""
    names = tuple(_relative(base, path) for path in group)
    if len(names) <= LISTED_FILES:
        return names
    pattern = re.sub(r"\*+", "*", "/".join(_alike(Path(names[0]))))
    matched = glob(pattern, root_dir=base, recursive=True)  # noqa: PTH207
    return (pattern,) if set(matched) == set(names) else names


def _relative(base: Path, path: Path) -> str:
    return Path(os.path.relpath(path.parent.resolve() / path.name, base.resolve())).as_posix()


def _sampled(base: Path, path: Path, found: Found) -> Sampled | None:
    name = _relative(base, path)
    try:
        if not path.stat().st_size:
            raise SourceError(f"{name} is empty")
        rows, header = _read(name, base, _suffix(path.name) in NAMED_COLUMNS)
        rows.columns = taken_names(rows.columns)
        known = {column.lower() for column in rows.columns}
        keys = {key: value for key, value in folder_keys(name).items() if key.lower() not in known}
        rows = rows.with_columns(pl.lit(value, pl.String).alias(key) for key, value in keys.items())
    except (SourceError, UnicodeError) as error:
        found.aside.append(str(error) if name in str(error) else f"{name}: {error}")
        return None
    if not rows.columns:
        found.aside.append(f"{name}: no row of it can be read as a table")
        return None
    return Sampled(
        (name,),
        rows.head(ROWS),
        header,
        rows.height <= ROWS,
        path.stat().st_size,
        note="blocks" * _in_blocks(path),
    )


def _read(name: str, base: Path, named: bool) -> tuple[pl.DataFrame, bool]:
    """The first rows, and whether the file names its columns; `named` if its format does."""
    error = None
    try:
        rows = sample(Table(files=(name,)), base, ROWS + 1).rows
        if named or _has_header(rows.columns, rows.head(LOOK)):
            return rows, True
    except SourceError as raised:  # a first row of values may hold one twice
        error = raised
    rows = sample(Table(files=(name,), header=False), base, ROWS + 1).rows
    if error and rows.height and _has_header([value or "" for value in rows.row(0)], rows[1:LOOK]):
        raise error
    return rows, False


def _has_header(first: Sequence[str], below: pl.DataFrame) -> bool:
    """Whether a first row names columns: it differs in kind from those below, or says what names say."""
    votes = 0.0
    for name, column in zip(first, below.iter_columns(), strict=True):
        values = Profile(name, column)
        if not name.strip():
            votes -= 0.2
            continue
        for pattern in (NUMBER, DATE, HASH):
            if values.share(pattern) >= 0.8 and len(values.filled):
                votes += -2 if re.match(pattern, name) else 1.5
                break
        else:
            votes -= 2 if re.match(NUMBER, name) else 0
        votes -= 1.5 if len(values.filled) and (values.filled == name).any() else 0
        votes += 1.5 if concepts(name) and len(name) <= 40 else -0.3
    return votes > 0


def _in_blocks(path: Path) -> bool:
    """Whether the first line is such as `1:`, which names the item of the rows below it."""
    with path.open("rb") as file:
        return bool(BLOCK.match(file.readline(100)))


def _made_of_blocks(base: Path, group: Sequence[Path]) -> Sampled:
    """The table that files of blocks are to be made into, the item of each row first, and how to make it."""
    item, rows = "", []
    with group[0].open(encoding="utf-8", errors="replace") as lines:
        for line in islice(lines, ROWS):
            if BLOCK.match(line.encode()):
                item = line.strip().rstrip(":")
            elif line.strip():
                rows.append([item, *line.strip().split(",")])
    width = max(map(len, rows))
    schema = {f"column{at}": pl.String for at in range(width)}
    frame = pl.DataFrame([row for row in rows if len(row) == width], schema=schema, orient="row")
    names = [_relative(base, path) for path in group]
    made = f"{re.sub(r'[^A-Za-z]*[0-9]*$', '', _stem(group[0].name)) or 'events'}.rows.csv"
    note = (
        f"is made of {', '.join(names)}, where a line such as `1:` names the item of the rows below; run: "
        f'awk \'/:/ {{sub(/:.*/, ""); item = $0; next}} {{print item "," $0}}\' {" ".join(names)} > {made}'
    )
    return Sampled((made,), frame, False, False, sum(path.stat().st_size for path in group), note=note)


def _united(found: Found) -> list[Sampled]:
    """Tables put together that are one in several files of the same columns; smaller copies are set aside."""
    kept: list[Sampled] = []
    for one in found.tables:
        twin = next((other for other in kept if _same_table(one, other)), None)
        if twin is None:
            kept.append(one)
            continue
        small, large = sorted((one, twin), key=lambda each: each.size)
        if len(one.files) == 1 and (small.words - large.words) & SMALLER - {"test"}:
            found.aside.append(f"{small.name}: a smaller copy of {large.name}, by its name")
            kept[kept.index(twin)] = large
        else:
            rows = pl.concat([twin.rows, one.rows])
            files, size = (*twin.files, *one.files), twin.size + one.size
            whole = twin.whole and one.whole
            kept[kept.index(twin)] = replace(twin, files=files, rows=rows, size=size, whole=whole)
    return kept


def _same_table(one: Sampled, other: Sampled) -> bool:
    if one.rows.columns != other.rows.columns or one.header != other.header:
        return False
    if Path(one.files[0]).name == Path(other.files[0]).name:
        return True
    width, shared = one.rows.width, one.words & other.words
    return one.header and (width >= 5 or (width >= 3 and bool(shared)))
