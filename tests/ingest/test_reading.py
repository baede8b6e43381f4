"""Staging: what comes in is staged or set aside, row for row, with the line where it begins."""

import gzip
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tasks.ingest.delivered import BadRow, csv_rows, judged
from tasks.ingest.dialect import Dialect
from tasks.ingest.files import UTF8_BOM, File
from tasks.ingest.reading import SourceError, Staged, stage
from tasks.ingest.records import count_records, read_records
from tasks.settings_data import Table
from warehouse.connection import Warehouse, writing
from warehouse.staging import NotRead, Staging, clear

DAMAGE = rb"""
1 -7 12,5 1.234,50 nan inf -1 9999999999999999999 2999-01-01 # \ {} 'a <b>x</b> ';drop	table	items;--
" "a a" "a" "a""b" "a"b "" "", 5"disc "a;b" "a,b"
"""
ODD = (b"", b" ", b"x" * 5000, b"caf\xc3\xa9", b"caf\xe9", b"\x93q\x94", b"\0", b"\x07\x1b", b"\xe2\x80\x8b")
WORSE = (b"\xef\xbb\xbf", b"\xff", b"\xc3", b"\xed\xa0\x80", b'"a\nb"', b'"a\r\nb"', b'"a\n\n', b"=1+1")
CELLS = st.sampled_from([*DAMAGE.split(), *ODD, *WORSE])
LINE_ENDS = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r", b"\n\n"])
ROWS = st.lists(st.tuples(st.lists(CELLS, min_size=1, max_size=5), LINE_ENDS), max_size=12)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with writing(tmp_path_factory.mktemp("staging"), "a test") as warehouse:
        yield warehouse


def rows_of(warehouse: Warehouse, staged: Staged) -> list[tuple[object, ...]]:
    """Staged rows, each with the line where it begins in the place of its ordinal."""
    with warehouse.second_connection() as connection:
        found = connection.execute(
            f'select * from staging."{staged.kind}" order by source, record'
        ).fetchall()
    lines = {
        source.source: staged.lines(source.source, [row[1] for row in found if row[0] == source.source])
        for source in staged.sources
    }
    taken = {source: iter(where) for source, where in lines.items()}
    return [(row[0], next(taken[row[0]]), *row[2:]) for row in found]


def bad_of(warehouse: Warehouse, kind: str = "items") -> list[tuple[object, ...]]:
    with warehouse.second_connection() as connection:
        return connection.execute(
            "select source, line, field, reason, content from staging.bad where kind = ? order by all", [kind]
        ).fetchall()


def read(warehouse: Warehouse, folder: Path, data: bytes, name: str = "a.csv", **how: object) -> Staged:
    (folder / name).write_bytes(data)
    return stage(warehouse, "items", Table.model_validate({"files": [name], **how}), folder)


def balances(warehouse: Warehouse, staged: Staged) -> bool:
    rows_in = sum(source.rows_in for source in staged.sources)
    return len(rows_of(warehouse, staged)) + len(bad_of(warehouse)) == rows_in


@settings(max_examples=2000, deadline=None)
@given(st.lists(st.sampled_from([b'"', b",", b"\n", b"\r", b"a", b"::", b"\xe9", b"\0"]), max_size=40))
@example([b'"', b"\n", b'"', b"a", b"\n", b'"'])
def test_two_readers_count_the_same_records(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    for delimiter in (",", "::"):
        for size in (1, 7, 100):
            chunks = [data[at : at + size] for at in range(0, len(data), size)]
            n = sum(1 for _ in read_records(chunks, delimiter, "utf-8"))
            assert n == count_records(chunks, delimiter, "utf-8")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ROWS, st.booleans(), st.sampled_from(["a,b,c\n", "a;b;c\n", "\ufeffa,b,c\r\n", "a\n", ""]), st.booleans()
)
@example([([b"\xef\xbb\xbf"], b"\r\n")], True, "a\n", False)
def test_damage_is_set_aside_and_the_sum_holds(
    opened: Warehouse,
    tmp_path: Path,
    rows: list[tuple[list[bytes], bytes]],
    header: bool,
    first: str,
    compressed: bool,
) -> None:
    delimiter = b";" if ";" in first else b","
    data = first.encode() + b"".join(delimiter.join(cells) + end for cells, end in rows)
    name = "a.csv.gz" if compressed else "a.csv"
    packed = gzip.compress(data) if compressed else data
    try:
        staged = read(opened, tmp_path, packed, name, header=header)
    except SourceError as error:
        assert name in str(error)  # noqa: PT017
        return
    assert balances(opened, staged)


PLAIN = (b"", b"1", b'"a, b"', b'"a""b"', b'"a\nb"', b'""', b" ", b"caf\xc3\xa9", b"#", b"'", b"\\")
STRAY = (*PLAIN, b'5" disc', b'"a" ', b' "a"', b'"a"b')


def rows_out_of(cells: tuple[bytes, ...]) -> st.SearchStrategy[list[tuple[list[bytes], bool]]]:
    cell = st.sampled_from(cells)
    row = st.lists(cell, min_size=3, max_size=3) | st.lists(cell, min_size=2, max_size=5)
    return st.lists(st.tuples(row, st.booleans()), max_size=12)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows_out_of(PLAIN) | rows_out_of(STRAY), st.booleans(), st.booleans())
@example([([b"", b"", b"", b"", b""], False)], True, False)
@example([([b'5" disc', b"1", b'"a\nb"'], False), ([b'5" disc', b"1", b"1"], False)], True, True)
@example([([b'"a" ', b"1", b'"a\nb"'], False)], True, True)
def test_both_readers_take_the_same_rows_from_the_same_lines(
    opened: Warehouse, tmp_path: Path, rows: list[tuple[list[bytes], bool]], header: bool, end: bool
) -> None:
    data = b"a,b,c\n" + b"".join(b",".join(cells) + b"\n" * (1 + blank) for cells, blank in rows)
    data = data if end else data.removesuffix(b"\n")
    staged = read(opened, tmp_path, data, header=header, delimiter=",")
    parallel = staged.sources, rows_of(opened, staged), bad_of(opened)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Staging, "read_csv", refuse)
        staged = read(opened, tmp_path, data, header=header, delimiter=",")
        assert (staged.sources, rows_of(opened, staged), bad_of(opened)) == parallel


DAMAGED = [*rb'" "a" "" , a :: '.split(), b"\n", b"\r\n", b"\r", b"\xe9", b"\xc3\xa9", b"\0", b"\x81", b"\n"]
DAMAGED.append(UTF8_BOM)


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(DAMAGED), max_size=60),
    st.sampled_from([1, 7, 100]),
    st.sampled_from([",", "::"]),
    st.sampled_from(["utf-8", "latin-1"]),
    st.booleans(),
    st.integers(1, 3),
)
@example([b'"a"', b",", b"a", b"\n", b"a", b'"', b",", b'"a"', b"\n"], 100, ",", "utf-8", False, 2)
@example([b":", b"::", b"\n", b"\x1f", b"::", b"a"], 100, "::", "utf-8", False, 2)
def test_damaged_csv_is_read_in_stretches_as_record_by_record(
    tmp_path: Path,
    pieces: list[bytes],
    size: int,
    delimiter: str,
    encoding: Literal["utf-8", "latin-1"],
    header: bool,
    width: int,
) -> None:
    data = b"".join(pieces)
    assume(not data.startswith(UTF8_BOM))  # there it is no text, and is taken away
    (tmp_path / "a.csv").write_bytes(data)
    file = File("a.csv", tmp_path / "a.csv", "csv", "none")
    dialect = Dialect(delimiter, encoding, ["x", "y", "z"][:width], 0, True)
    bad: list[BadRow] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.ingest.files.CHUNK", size)
        found = [tuple(row.values()) for row in csv_rows(file, dialect, header, bad).read_all().to_pylist()]
    one_by_one = [
        (judged(record, dialect, "a.csv"), record.line)
        for record in islice(read_records([data], delimiter, encoding), int(header), None)
    ]
    assert bad == [wrong for (_, wrong), _ in one_by_one if wrong]
    assert found == [
        (*(field or None for field in fields), line) for (fields, wrong), line in one_by_one if not wrong
    ]


def refuse(*_: object) -> None:
    raise NotRead("for this test")


JSON_LINES = [
    *(
        b'{"a": 1, "b": [1, {"c": null}]}',
        b'{"a": "x\\u0000y"}',
        b'{"a": NaN}',
        b"[1]",
        b"7",
        b"{",
        b"",
        b"  ",
    ),
    *(b'{"b": "\xe9"}', b'{"": 1, "it\'s \\"/~": 2}', b'{"source": 1, "record": 2}', b"\0", b'{"a":1}\r'),
    *(
        b'{"a": "' + b"x" * 5000 + b'"}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\\ud800"}',
        b'{"a\\u0000": 1}',
        b'{"A": 1}',
    ),
]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(JSON_LINES), max_size=10))
def test_json_lines_balance(opened: Warehouse, tmp_path: Path, lines: list[bytes]) -> None:
    try:
        staged = read(opened, tmp_path, b"\n".join(lines), "a.jsonl")
    except SourceError as error:
        assert "JSON array" in str(error) or "names a column twice" in str(error)  # noqa: PT017
        return
    assert balances(opened, staged)


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
    assert staged.sources[0].rows_in == 200_000 and balances(opened, staged)
    assert [row[1] for row in bad_of(opened)] == [n + 1 for n in range(1000, 200_001, 1000)]
    assert staged.lines("a.csv", [0, 998, 999, 199_799]) == [2, 1000, 1002, 200_000]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "::"])
@pytest.mark.parametrize("header", [True, False])
def test_delimiters_are_found(opened: Warehouse, tmp_path: Path, delimiter: str, header: bool) -> None:
    rows = [["id", "title", "time"]] * header + [[f"{n}", f"a title {n}", "10:00"] for n in range(30)]
    staged = read(opened, tmp_path, "\n".join(delimiter.join(row) for row in rows).encode(), header=header)
    assert staged.columns == (["id", "title", "time"] if header else ["column0", "column1", "column2"])
    assert staged.sources[0].rows_in == 30 and rows_of(opened, staged)[29][2:] == (
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
        data = gzip.compress(data)
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
        assert staged.columns == columns and staged.sources[0].rows_in == 0
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
    assert second[2:] == ("nan", None, None, None, "\\xFF")


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
        assert staged.sources[0].rows_in == 1
    with pytest.raises(SourceError, match=r"(?s)cannot read duckdb:///shop.db:nothing.*in the TOML"):
        stage(opened, "items", Table(connection="duckdb:///shop.db", table="nothing"), tmp_path)
    with pytest.raises(SourceError, match="no DuckDB file"):
        stage(opened, "items", Table(connection="duckdb:///none.db", table="t"), tmp_path)
    with pytest.raises(SourceError, match="of no known kind"):
        stage(opened, "items", Table(connection="mysql://x:secret@y/z", table="t"), tmp_path)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n" * 1000)[:-30], "a.csv.gz is cut short or damaged"),
        (
            "a.csv.zst",
            pa.compress(b"a,b\n1,2\n" * 1000, codec="zstd", asbytes=True)[:-9],
            "cut short or damaged",
        ),
        ("a.csv.gz", b"a,b\n", "is named .gz and holds no such data"),
        ("a.csv", "a,b\n1,2".encode("utf-16"), "is UTF-16.*save it as UTF-8"),
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
    data = (
        b"a,b\n1," + b"x" * 1_500_000 + b"\n2," + b"y" * 9_000_000 + b'\n3,"' + b"z\n" * 2_000_000 + b"4,d\n"
    )
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
    assert staged.sources[0].rows_in == 1


def test_staging_again_takes_the_place_of_the_old(opened: Warehouse, tmp_path: Path) -> None:
    read(opened, tmp_path, b"a,b\n1\n")
    staged = read(opened, tmp_path, b"c\n1\n")
    assert bad_of(opened) == [] and rows_of(opened, staged) == [("a.csv", 2, "1")]
    clear(opened)
    assert rows_of(opened, read(opened, tmp_path, b"c\n2\n")) == [("a.csv", 2, "2")]
