"""Damaged files, from the bytes to the core tables: nothing is lost, and nothing good goes with the bad."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.ingest.loading import Loaded, load
from tasks.ingest.reading import stage
from tasks.settings import Settings
from tasks.settings.data import Data, Interactions, Items
from tests.ingest.staged import bad_rows
from warehouse.connection import Warehouse, writing
from warehouse.errors import PolyrecError
from warehouse.staging import clear

HEADER = b"user_id,item_id,rating,when,note"
COLUMNS = HEADER.decode().split(",")
USER = b"USER"
"""Stands for the name of a row's user, by which the row is found again."""

# Rows that are good in all but what they are listed for.
VALUES: dict[str, list[bytes]] = {
    "wrong types": [
        b"USER,1,good,1760000000,n",
        b"USER,1,5,soon,n",
        b"USER,1,[],1760000000,n",
        b"USER,1,5,{},n",
    ],
    "NaN and infinities": [
        b"USER,1,%s,1760000000,n" % text for text in (b"nan", b"inf", b"-Infinity", b"1e400")
    ],
    "negative and future times": [
        b"USER,1,5,%s,n" % text for text in (b"-1", b"99999999999", b"1950-01-01", b"2999-01-01", b"-1e9")
    ],
    "unknown ids": [b"USER,9,5,1760000000,n", b"USER,,5,1760000000,n", b"USER,1 2,5,1760000000,n"],
    "control and zero-width characters": [
        b"USER\x07,1,5,1760000000,n",
        b"USER\xe2\x80\x8b,1,5,1760000000,n",
        b"USER\x1b[31m,1,5,1760000000,n",
        b"USER,1\xe2\x80\x8b,5,1760000000,n",
        b"USER,1,5\x07,1760000000,n",
    ],
    "one number or another": [b'USER,1,"3,125",1760000000,n', b'USER,1,"-1,250",1760000000,n'],
    "times of no unit": [
        b"USER,1,5,%s,n" % text
        for text in (b"0", b"1000", b"20251341", b"1e300", b"31.02.2025", b"1970-01-01")
    ],
    "the day or the month first": [b"USER,1,5,03/04/2025,n", b"USER,1,5,1/2/25 6:05 PM,n"],
    "no numbers": [
        b'USER,1,"1,2,3",1760000000,n',
        b"USER,1,1.2.3,1760000000,n",
        b'USER,1,"1,23.5",1760000000,n',
    ],
}
BYTES: dict[str, list[bytes]] = {
    "ragged rows": [b"USER", b"USER,1,5", b"USER,1,5,1760000000,n,more", b"USER,1,5,1760000000,n,,more"],
    "mixed encodings": [
        b"USER,1,5,1760000000,caf\xe9",
        b"USER,1,5,1760000000,\xff",
        b"USER,1,5,1760000000,\xed\xa0\x80\xe9",
    ],
    "NUL bytes": [b"USER,1,5,1760000000,\0", b"USER\0,1,5,1760000000,n", b'USER,1,5,1760000000,"\0"'],
    "unbalanced quotes": [
        b'USER,1,5,1760000000,"open',
        b'USER,1,5,1760000000,"a"b',
        b'USER,1,"5,1760000000,n',
        b'USER,"1" ,5,1760000000,n',
    ],
    "huge fields": [b"USER,1,5,1760000000," + b"x" * 2_000_001, b"USER" + b"x" * 5000 + b",1,5,1760000000,n"],
    "marks amid a file": [b"\xef\xbb\xbfUSER,1,5,1760000000,n"],
}
HARMLESS: dict[str, list[bytes]] = {
    "times in other units": [
        b"USER,1,5,%s,n" % text
        for text in (b"1760000000123", b"1760000000123456", b"1.76e18", b"1760000000.5")
    ],
    "times in other forms": [
        b"USER,1,5,%s,n" % text
        for text in (
            b"09.10.2025 08:53",
            b"13/10/2025",
            b"2/10/25 6:05 PM",
            b"9 Oct 2025",
            b"20251009",
            b"2025/10/09",
        )
    ],
    "decimal commas": [
        b'USER,1,"3,5",1760000000,n',
        b'USER,1,"-0,5",1760000000,n',
        'USER,1,"3,50 €",1760000000,n'.encode(),
    ],
    "thousands separators": [
        b'USER,1,"1,234.5",1760000000,n',
        b'USER,1,"1.234,5",1760000000,n',
        b"USER,1,$1 234,1760000000,n",
    ],
    "mixed line ends": [b"USER,1,5,1760000000,n", b'USER,1,5,1760000000,"n"'],
    "duplicate keys": [
        b"USER,1,5,1760000000,n\nUSER,1,5,1760000000,again",
        b"USER,1,5,1760000000,n\nUSER,1,4,1760000000,n\nUSER,1,5,1760000000,n",
    ],
    "SQL and HTML": [
        b"USER'; drop table core.items; --,1,5,1760000000,n",
        b"<script>alert(USER)</script>,1,5,1760000000,n",
        b"USER,1,5,1760000000,'); delete from core.users; --",
        b'USER,1,5,1760000000,"<a href=""x"">""</a>"',
    ],
    "large but whole fields": [b"USER,1,5,1760000000," + b"x" * 500_000, b'USER,1,5,1760000000,"two\nlines"'],
    "quotes amid a field": [b'USER,1,5,1760000000,a 5" disc', b'USER,1,5,1760000000,a "b" c'],
}
KINDS = VALUES | BYTES | HARMLESS
OF_TEXT_FILES = ("mixed line ends", "duplicate keys", "large but whole fields", "quotes amid a field")
LINE_ENDS = (b"\n", b"\r\n", b"\r")
GOOD = "USER,1,5,1760000000,a café à Köln".encode()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with writing(tmp_path_factory.mktemp("damage"), "a test") as warehouse:
        yield warehouse


def loaded_from(warehouse: Warehouse, folder: Path, name: str, items: str = "items.csv") -> Loaded:
    """Load a log from a file, in the place of what was there."""
    for table in ("core.items", "core.users", "core.interactions"):
        warehouse.run(f"delete from {table}")
    if items == "items.csv":
        (folder / items).write_text('item_id,title\n1,One\n2,"<b>\'; drop table core.items; --</b>"\n')
    data = Data(
        source="files",
        items=Items(files=(items,)),
        interactions=Interactions(files=(name,), value="rating", time="when"),
    )
    try:
        staged = {
            kind: stage(warehouse, kind, getattr(data, kind), folder) for kind in ("items", "interactions")
        }
        return load(warehouse, Settings(home=folder), data, staged)
    finally:
        clear(warehouse)


def check(
    warehouse: Warehouse, loaded: Loaded, name: str, lines: list[bytes], rows: list[tuple[str, bytes]]
) -> set[str]:
    """Hold all that must be so for a log of rows, each with its user; returns the users in quarantine."""
    (totals,) = loaded.totals.filter(kind="interactions", source=name).rows(named=True)
    n_rows = sum(1 + row.count(b"\n") - row.count(b"two\nlines") for _, row in rows)
    assert (
        totals["rows_in"]
        == n_rows
        == totals["used"] + totals["quarantined"] + totals["merged"] + totals["seen_only"]
    )
    aside = bad_rows(warehouse).filter(kind="interactions")
    assert aside.height == totals["quarantined"]
    users = {user for user, _ in rows}
    found = set()
    for row in aside.iter_rows(named=True):
        (user,) = (user for user in users if user.encode() in lines[row["line"] - 1])
        assert user in row["content"] and row["source"] == name and row["reason"]
        found.add(user)
    used = " ".join(user for (user,) in warehouse.run("select user_id from core.interactions"))
    assert {user for user in users if user in used} == users - found
    return found


def laid_out(damaged: list[bytes]) -> list[tuple[str, bytes]]:
    """A user and a row each: damaged ones, with good ones before, between and behind them."""
    picked = [GOOD]
    for row in damaged:
        picked += [row, GOOD]
    users = [f"{'g' if row is GOOD else 'b'}{n:03}" for n, row in enumerate(picked)]
    return [(user, row.replace(USER, user.encode())) for user, row in zip(users, picked, strict=True)]


def rows_of(kind: str) -> st.SearchStrategy[list[bytes]]:
    """All rows of a kind in any order; of "mixed", some of every kind."""
    if kind == "mixed":
        return st.lists(
            st.sampled_from([row for kind in KINDS for row in KINDS[kind]]), min_size=9, max_size=15
        )
    return st.permutations(KINDS[kind])


FEW = settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def surely_bad(kind: str, rows: list[tuple[str, bytes]]) -> set[str]:
    return set() if kind in HARMLESS else {user for user, _ in rows if user.startswith("b")}


@pytest.mark.parametrize("kind", [*KINDS, "mixed"])
@FEW
@given(
    mark=st.booleans(),
    mixed_ends=st.booleans(),
    end=st.booleans(),
    compressed=st.booleans(),
    utf16=st.booleans(),
    data=st.data(),
)
def test_damaged_csv(
    opened: Warehouse,
    tmp_path: Path,
    kind: str,
    mark: bool,
    mixed_ends: bool,
    end: bool,
    compressed: bool,
    utf16: bool,
    data: st.DataObject,
) -> None:
    rows = laid_out(data.draw(rows_of(kind)))
    content = HEADER + b"\n"
    ends = LINE_ENDS if mixed_ends or kind == "mixed line ends" else LINE_ENDS[:1]
    for _, row in rows:
        content += row + data.draw(st.sampled_from(ends))
    content = content if end else content.rstrip(b"\r\n")
    name = "log.csv.gz" if compressed else "log.csv"
    marked = b"\xef\xbb\xbf" * mark + content
    if utf16 and kind != "mixed" and kind not in BYTES:
        marked = content.decode().encode("utf-16")
    (tmp_path / name).write_bytes(gzip.compress(marked) if compressed else marked)
    loaded = loaded_from(opened, tmp_path, name)
    found = check(opened, loaded, name, content.splitlines(), rows)
    if kind != "mixed":
        assert found == surely_bad(kind, rows)
    assert not any(user.startswith("g") for user in found)


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in BYTES and kind not in OF_TEXT_FILES])
@FEW
@given(data=st.data())
def test_damaged_values_in_other_formats(
    opened: Warehouse, tmp_path: Path, kind: str, format_: str, data: st.DataObject
) -> None:
    rows = laid_out(data.draw(rows_of(kind)))
    text = io.StringIO("\n".join(row.decode() for _, row in rows))
    records = [dict(zip(COLUMNS, fields, strict=True)) for fields in csv.reader(text)]
    path = tmp_path / f"log.{format_}"
    if format_ == "parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    else:
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    loaded = loaded_from(opened, tmp_path, path.name)
    lines = [" ".join(record.values()).encode() for record in records]
    assert check(opened, loaded, path.name, lines, rows) == surely_bad(kind, rows)


GOOD_ROWS = b"u1,1,5,1000,n\nu2,2,4,1001,n\n"


@pytest.mark.parametrize(
    ("content", "used", "message"),
    [
        (HEADER + b"\n" + GOOD_ROWS, 2, ""),
        (HEADER + b",extra\nu1,1,5,1000,n,x\n", 1, ""),
        (b"when,rating,item_id,user_id\n1000,5,1,u1\n", 1, ""),
        (HEADER, 0, ""),
        (HEADER + b"\n\n\n", 0, ""),
        (b"", 0, "log.csv is empty, without even a header"),
        (b"\xef\xbb\xbf\r\n", 0, "log.csv is empty, without even a header"),
        (
            b"user_id,item_id,rating\nu1,1,5\n",
            0,
            r"time = 'when' is no column of log.csv; write one of: user_id",
        ),
        (b"\0\0\0\0\0\0", 0, "log.csv, line 1: the header holds a NUL byte"),
        (HEADER.decode().encode("utf-32"), 0, "log.csv is UTF-32, which is not read; save it as UTF-8"),
        (b'"' + HEADER, 0, "log.csv, line 1: the header has a quote that is not closed"),
        (HEADER + b",Note\n" + GOOD_ROWS, 0, "log.csv names a column twice: note, Note"),
    ],
)
def test_files_that_lack_something(
    opened: Warehouse, tmp_path: Path, content: bytes, used: int, message: str
) -> None:
    (tmp_path / "log.csv").write_bytes(content)
    if message:
        with pytest.raises(PolyrecError, match=message):
            loaded_from(opened, tmp_path, "log.csv")
        return
    loaded = loaded_from(opened, tmp_path, "log.csv")
    assert loaded.totals.filter(kind="interactions").select("rows_in", "used").rows() == [(used, used)]


@pytest.mark.parametrize(
    ("title", "reason"),
    [
        (b"caf\xe9", "holds the byte 0xE9, which is not UTF-8"),
        (b"", "title is missing"),
        (b'"open', "has a quote that is not closed"),
        (b"\0", "holds a NUL byte"),
        (b"a,b,c", "has 4 fields, not 2"),
        (b"x" * 2_000_001, "is longer than 2,000,000 bytes"),
    ],
)
def test_a_damaged_item_leaves_its_neighbours(
    opened: Warehouse, tmp_path: Path, title: bytes, reason: str
) -> None:
    content = "item_id,title\n1,Amélie à Köln\n".encode() + b"7," + title + b"\n2,<i>Two</i>\n"
    (tmp_path / "catalogue.csv").write_bytes(content)
    (tmp_path / "log.csv").write_bytes(HEADER + b"\n" + GOOD_ROWS)
    loaded = loaded_from(opened, tmp_path, "log.csv", "catalogue.csv")
    assert loaded.totals.filter(kind="items").select("rows_in", "used", "quarantined").rows() == [(3, 2, 1)]
    ((source, line, why),) = bad_rows(opened).select("source", "line", "reason").rows()
    assert (source, line) == ("catalogue.csv", 3) and why.startswith(reason)
    titles = opened.run("select title from core.items order by item_id")
    assert titles == [("Amélie à Köln",), ("<i>Two</i>",)]
