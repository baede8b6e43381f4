"""Staging: what comes in is staged or set aside, row for row, with the line where it begins."""

import gzip
import os
import re
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.ingest.reading import stage
from tasks.ingest.sample import sample
from tasks.settings.data import Table
from tests.ingest.files import bad_of, balances, read, refuse, rows_of
from warehouse.connection import Warehouse
from warehouse.errors import SourceError
from warehouse.staging import clear


def test_json_lines_become_columns(opened: Warehouse, tmp_path: Path) -> None:
    data = b'{"id": 7, "tags": ["x", "y"]}\n\nnot json\n{"id": "8", "more": {"k": true}, "id2": null}\n[1]\n'
    staged = read(opened, tmp_path, data, "a.jsonl")
    assert staged.columns == ["id", "tags", "more", "id2"]
    assert rows_of(opened, staged) == [
        ("a.jsonl", 1, "7", '["x","y"]', None, None),
        ("a.jsonl", 4, "8", None, '{"k":true}', None),
    ]
    assert bad_of(opened) == [
        ("a.jsonl", 3, None, "is not JSON", "not json"),
        ("a.jsonl", 5, None, "is JSON, but not an object", "[1]"),
    ]


def test_what_is_said_of_damaged_rows(opened: Warehouse, tmp_path: Path) -> None:
    data = (
        b'id,title\n1,"two\nlines"\n\n2\n3,caf\xe9 \xc3\xa9\n4,"open\n5,"good"\n6,"a"b\n7,a,b\n8,\0\n9,ok\n'
    )
    staged = read(opened, tmp_path, data)
    assert rows_of(opened, staged) == [
        ("a.csv", 2, "1", "two\nlines"),
        ("a.csv", 8, "5", "good"),
        ("a.csv", 12, "9", "ok"),
    ]
    assert [(row[1], row[2]) for row in bad_of(opened)] == [
        (5, None),
        (6, "title"),
        (7, None),
        (9, None),
        (10, None),
        (11, "title"),
    ]
    reasons = [row[3] for row in bad_of(opened)]
    assert reasons[0] == "has 1 field, not 2" and "not UTF-8" in str(reasons[1])
    assert reasons[5] == "holds a NUL byte"


def test_a_quote_that_is_never_closed_is_said_with_its_line(opened: Warehouse, tmp_path: Path) -> None:
    staged = read(opened, tmp_path, b'id,title\n1,a\n2,"never\n3,c\n4,d\n')
    assert [row[1:] for row in rows_of(opened, staged)] == [(2, "1", "a"), (4, "3", "c"), (5, "4", "d")]
    assert bad_of(opened) == [("a.csv", 3, None, "has a quote that is not closed", '2,"never')]


def test_ragged_rows_leave_the_parallel_reader_on(
    opened: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{n},t{n}" if n % 1000 else f"{n}" for n in range(1, 200_001)]
    with monkeypatch.context() as patch:
        patch.setattr("tasks.ingest.reading.csv_rows", refuse)
        staged = read(opened, tmp_path, ("id,title\n" + "\n".join(rows)).encode())
    assert sum(staged.rows_in.values()) == 200_000 and balances(opened, staged)
    assert [row[1] for row in bad_of(opened)] == [n + 1 for n in range(1000, 200_001, 1000)]
    assert staged.lines("a.csv", [0, 998, 999, 199_799]) == [2, 1000, 1002, 200_000]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "::"])
@pytest.mark.parametrize("header", [True, False])
def test_delimiters_are_found(opened: Warehouse, tmp_path: Path, delimiter: str, header: bool) -> None:
    rows = [["id", "title", "time"]] * header + [[f"{n}", f"a title {n}", "10:00"] for n in range(30)]
    staged = read(opened, tmp_path, "\n".join(delimiter.join(row) for row in rows).encode(), header=header)
    assert staged.columns == (["id", "title", "time"] if header else ["column0", "column1", "column2"])
    assert sum(staged.rows_in.values()) == 30 and rows_of(opened, staged)[29][2:] == (
        "29",
        "a title 29",
        "10:00",
    )


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252"])
def test_encodings_and_compression(opened: Warehouse, tmp_path: Path, packing: str, encoding: str) -> None:
    title = "“Amélie”" if encoding == "cp1252" else "Amélie à Köln"
    data = f"id,title\n1,{title}\n2,b\n".encode(encoding)
    if packing == ".gz":
        data = gzip.compress(data, mtime=0)
    elif packing == ".zst":
        data = pa.compress(data, codec="zstd", asbytes=True)
    staged = read(opened, tmp_path, data, "a.csv" + packing)
    assert staged.columns == ["id", "title"]
    assert [row[1:] for row in rows_of(opened, staged)] == [(2, "1", title), (3, "2", "b")]


@pytest.mark.parametrize(
    ("body", "titles", "n_bad"),
    [
        (b"1,caf\xe9\n" + b"2,b\n" * 997, 998, 0),  # one in 1,000 lines and more: Latin-1
        (b"1,caf\xe9\n" + b"2,b\n" * 998, 998, 1),  # fewer, in a file of ASCII: damage
        (b"1,caf\xe9\n2,caf\xc3\xa9\n", 1, 1),  # as many characters of UTF-8 as stray bytes
        (b"1,caf\xe9\n2,\xe0 K\xf6ln\n3,caf\xc3\xa9\n", 3, 0),  # more stray bytes
        (b"1,\xf0\x9f\x98\x80\n2,\xe2\n3,a\n", 2, 1),  # one character, one cut short
    ],
)
def test_how_auto_tells_the_encoding(
    opened: Warehouse, tmp_path: Path, body: bytes, titles: int, n_bad: int
) -> None:
    for chunk in (1 << 22, 3):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tasks.ingest.files.CHUNK", chunk)
            staged = read(opened, tmp_path, b"id,title\n" + body)
        bad = bad_of(opened)
        assert (len(rows_of(opened, staged)), len(bad)) == (titles, n_bad)
        reason = "holds the byte 0xE[29], which is not UTF-8; if the whole file is Latin-1"
        assert all(re.match(reason, str(row[3])) for row in bad)


def test_files_that_hold_nothing(opened: Warehouse, tmp_path: Path) -> None:
    for data, columns in (
        (b"", []),
        (b"\n\n", []),
        (b"\xef\xbb\xbf", []),
        (b"a,b\n", ["a", "b"]),
        (b"a,b", ["a", "b"]),
    ):
        staged = read(opened, tmp_path, data)
        assert staged.columns == columns and sum(staged.rows_in.values()) == 0
        assert rows_of(opened, staged) == []
    assert read(opened, tmp_path, b"", "a.jsonl").columns == []


def test_files_of_a_glob_are_joined_by_name(opened: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "day1.csv").write_text("id,title\n1,a\n")
    (tmp_path / "day2.csv").write_text("year;Title;id\n1999;b;2\n")
    pq.write_table(pa.table({"id": [3.0, 4.5], "tags": [["x"], None]}), tmp_path / "day3.parquet")
    staged = stage(opened, "items", Table(files=("day*.csv", "day3.parquet")), tmp_path)
    assert staged.columns == ["id", "title", "year", "tags"]
    assert rows_of(opened, staged) == [
        ("day1.csv", 2, "1", "a", None, None),
        ("day2.csv", 2, "2", "b", "1999", None),
        ("day3.parquet", 1, "3", None, None, '["x"]'),
        ("day3.parquet", 2, "4.5", None, None, None),
    ]


def test_columns_named_as_ours_are_kept_apart(opened: Warehouse, tmp_path: Path) -> None:
    staged = read(opened, tmp_path, b"source,Record,,x.y\n1,2,3,4\n")
    assert staged.columns == ["delivered_source", "delivered_Record", "column2", "x.y"]
    assert rows_of(opened, staged) == [("a.csv", 2, "1", "2", "3", "4")]


def test_parquet_values_as_text(opened: Warehouse, tmp_path: Path) -> None:
    values = {
        "number": [17850.0, float("nan")],
        "when": pl.Series(["2011-01-02T03:04:05", None]).str.to_datetime(),
        "who": [{"name": "x"}, None],
        "yes": [True, None],
        "raw": [b"ab", b"\xff"],
    }
    pl.DataFrame(values).write_parquet(tmp_path / "a.parquet")
    staged = stage(opened, "items", Table(files=("a.parquet",)), tmp_path)
    first, second = rows_of(opened, staged)
    assert first[2:] == ("17850", "2011-01-02 03:04:05", '{"name":"x"}', "true", "ab")
    assert second[2:] == (None, None, None, None, "\\xFF")


def test_parquet_text_that_is_not_utf8_is_set_aside(opened: Warehouse, tmp_path: Path) -> None:
    broken = pa.array([b"good", b"caf\xe9", b"too"]).view(pa.string())
    pq.write_table(pa.table({"id": [1, 2, 3], "title": broken}), tmp_path / "a.parquet")
    staged = stage(opened, "items", Table(files=("a.parquet",)), tmp_path)
    assert [row[1:] for row in rows_of(opened, staged)] == [(1, "1", "good"), (3, "3", "too")]
    assert bad_of(opened) == [("a.parquet", 2, "title", "holds bytes that are not UTF-8", "caf\\xe9")]


def test_duckdb_table(opened: Warehouse, tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "shop.db") as shop:
        shop.execute(
            "create schema s; create table s.\"my items\" as select 1.0::double as id, date '2020-01-02' as d"
        )
    for connection in (f"duckdb:///{tmp_path}/shop.db".replace("////", "///"), "duckdb:///shop.db"):
        staged = stage(opened, "items", Table(connection=connection, table="s.my items"), tmp_path)
        assert [row[1:] for row in rows_of(opened, staged)] == [(1, "1", "2020-01-02")]
        assert sum(staged.rows_in.values()) == 1
    with pytest.raises(SourceError, match=r"(?s)cannot read duckdb:///shop.db:nothing.*in the TOML"):
        stage(opened, "items", Table(connection="duckdb:///shop.db", table="nothing"), tmp_path)
    with pytest.raises(SourceError, match="no DuckDB file"):
        stage(opened, "items", Table(connection="duckdb:///none.db", table="t"), tmp_path)
    with pytest.raises(SourceError, match="of no known kind"):
        stage(opened, "items", Table(connection="mysql://x:secret@y/z", table="t"), tmp_path)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)[:-30], "a.csv.gz is cut short or damaged"),
        (
            "a.csv.zst",
            pa.compress(b"a,b\n1,2\n" * 1000, codec="zstd", asbytes=True)[:-9],
            "cut short or damaged",
        ),
        ("a.csv.gz", b"a,b\n", "is named .gz and holds no such data"),
        ("a.csv", "a,b\n1,2".encode("utf-32"), "is UTF-32.*save it as UTF-8"),
        ("a.csv", b"id,title,ID\n1,2,3\n", "names a column twice: id, ID.*header = false"),
        ("a.csv", b'id,"title\n1,2\n', "a.csv, line 1: the header has a quote that is not closed"),
        ("a.jsonl", b'[{"a": 1}]', "holds one JSON array.*jq"),
        ("a.parquet", b"nothing of the kind", "a.parquet is no whole Parquet file"),
    ],
)
def test_what_cannot_be_read_is_said(
    opened: Warehouse, tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        read(opened, tmp_path, data, name)


def test_no_file_no_right_no_delimiter(opened: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"'\*.csv' does not exist and, as a pattern, matches no file"):
        stage(opened, "items", Table(files=("*.csv",)), tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(SourceError, match=r'is a folder.*files = \["folder/\*.csv"\]'):
        stage(opened, "items", Table(files=("folder",)), tmp_path)
    with pytest.raises(SourceError, match=r"delimiter cannot hold quotes"):
        read(opened, tmp_path, b"a\n1\n", delimiter='"')
    (tmp_path / "a.csv").chmod(0)
    if os.geteuid():  # root may read everything
        with pytest.raises(SourceError, match=r"cannot read a.csv: Permission denied"):
            stage(opened, "items", Table(files=("a.csv",)), tmp_path)


def test_huge_fields_and_rows(opened: Warehouse, tmp_path: Path) -> None:
    data = b"a,b\n1," + b"x" * 1_500_000 + b"\n2," + b"y" * 9_000_000
    data += b'\n3,"' + (b"z" * 99 + b"\n") * 40_000 + b"4,d\n"
    staged = read(opened, tmp_path, data)
    assert balances(opened, staged)
    assert {str(row[3]) for row in bad_of(opened)} == {
        "is longer than 2,000,000 bytes",
        "has a quote that is not closed",
        "has 1 field, not 2",
    }
    assert len(str(rows_of(opened, staged)[0][3])) == 1_500_000 and rows_of(opened, staged)[-1][2:] == (
        "4",
        "d",
    )


def test_names_are_no_patterns(opened: Warehouse, tmp_path: Path) -> None:
    staged = read(opened, tmp_path, b"a,b\n1,2\n", "it's [new].csv")
    assert rows_of(opened, staged) == [("it's [new].csv", 2, "1", "2")]
    staged = stage(opened, "items", Table(files=("it's [[]new].csv",)), tmp_path)
    assert sum(staged.rows_in.values()) == 1


def test_staging_again_takes_the_place_of_the_old(opened: Warehouse, tmp_path: Path) -> None:
    read(opened, tmp_path, b"a,b\n1\n")
    staged = read(opened, tmp_path, b"c\n1\n")
    assert bad_of(opened) == [] and rows_of(opened, staged) == [("a.csv", 2, "1")]
    clear(opened)
    assert rows_of(opened, read(opened, tmp_path, b"c\n2\n")) == [("a.csv", 2, "2")]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl"])
def test_a_column_wins_over_the_key_of_a_folder_and_other_keys_are_columns(
    opened: Warehouse, tmp_path: Path, name: str
) -> None:
    for day in ("2025-03-04", "__HIVE_DEFAULT_PARTITION__"):
        folder = tmp_path / f"log/Day={day}/kind=a%20b"
        folder.mkdir(parents=True)
        rows = pl.DataFrame({"id": ["1", "2"], "KIND": ["own", None]})
        write = {"a.csv": rows.write_csv, "a.parquet": rows.write_parquet, "a.jsonl": rows.write_ndjson}
        write[name](folder / name)
    table = Table(files=("log/**/a.*",))
    staged = stage(opened, "items", table, tmp_path)
    assert staged.columns == ["id", "KIND", "Day"]
    days = {row[4] for row in rows_of(opened, staged)}
    assert ([row[3] for row in rows_of(opened, staged)], days) == (["own", None] * 2, {"2025-03-04", None})
    assert sample(table, tmp_path).rows.columns == ["id", "KIND", "Day"]


@pytest.mark.parametrize(
    ("mark", "encoding", "setting"),
    [
        ("\ufeff", "utf-16-le", "auto"),
        ("\ufeff", "utf-16-be", "auto"),
        ("", "utf-16-le", "auto"),
        ("", "utf-16-be", "utf-16"),
    ],
)
@pytest.mark.parametrize("size", [9, 1 << 20])
def test_utf_16_is_read(
    opened: Warehouse, tmp_path: Path, mark: str, encoding: str, setting: str, size: int
) -> None:
    text = f'{mark}id\ttitle\r\n1\tMüsli 🥣\r\n2\t"two\r\nlines"\r\n3\r\n4\tgood\r\n'
    bad = "5\tx\ud800\r\n".encode(encoding, "surrogatepass")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.ingest.files.CHUNK", size)
        staged = read(opened, tmp_path, text.encode(encoding) + bad, encoding=setting)
        assert [row[1:] for row in rows_of(opened, staged)] == [
            (2, "1", "Müsli 🥣"),
            (3, "2", "two\r\nlines"),
            (6, "4", "good"),
        ]
        assert [(row[1], str(row[3])[:14]) for row in bad_of(opened)] == [
            (5, "has 1 field, n"),
            (7, "holds the byte"),
        ]
