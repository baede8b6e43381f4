"""Staging: whatever a file holds, every row is staged or set aside, and two readers agree on it."""

import gzip
from itertools import islice
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tasks.ingest.delivered import checked, csv_rows
from tasks.ingest.dialect import Dialect
from tasks.ingest.files import UTF8_BOM, File
from tasks.ingest.records import count_records, read_records
from tests.examples import examples
from tests.ingest.files import bad_of, balances, read, refuse, rows_of
from warehouse.connection import Warehouse
from warehouse.errors import SourceError
from warehouse.staging import BadRow, Staging

DAMAGE = rb"""
1 -7 12,5 1.234,50 nan inf -1 9999999999999999999 2999-01-01 # \ {} 'a <b>x</b> ';drop	table	items;--
" "a a" "a" "a""b" "a"b "" "", 5"disc "a;b" "a,b"
"""
ODD = (b"", b" ", b"x" * 5000, b"caf\xc3\xa9", b"caf\xe9", b"\x93q\x94", b"\0", b"\x07\x1b", b"\xe2\x80\x8b")
WORSE = (b"\xef\xbb\xbf", b"\xff", b"\xc3", b"\xed\xa0\x80", b'"a\nb"', b'"a\r\nb"', b'"a\n\n', b"=1+1")
CELLS = st.sampled_from([*DAMAGE.split(), *ODD, *WORSE])
LINE_ENDS = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r", b"\n\n"])
ROWS = st.lists(st.tuples(st.lists(CELLS, min_size=1, max_size=5), LINE_ENDS), max_size=12)


@settings(max_examples=examples(2000), deadline=None)
@given(st.lists(st.sampled_from([b'"', b",", b"\n", b"\r", b"a", b"::", b"\xe9", b"\0"]), max_size=40))
@example([b'"', b"\n", b'"', b"a", b"\n", b'"'])
def test_two_readers_count_the_same_records(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    for delimiter in (",", "::"):
        for size in (1, 7, 100):
            chunks = [data[at : at + size] for at in range(0, len(data), size)]
            n = sum(1 for _ in read_records(chunks, delimiter, "utf-8"))
            assert n == count_records(chunks, delimiter, "utf-8")


@settings(
    max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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


@settings(
    max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
    parallel = staged.rows_in, rows_of(opened, staged), bad_of(opened)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Staging, "read_csv", refuse)
        staged = read(opened, tmp_path, data, header=header, delimiter=",")
        assert (staged.rows_in, rows_of(opened, staged), bad_of(opened)) == parallel


DAMAGED = [*rb'" "a" "" , a :: '.split(), b"\n", b"\r\n", b"\r", b"\xe9", b"\xc3\xa9", b"\0", b"\x81", b"\n"]
DAMAGED.append(UTF8_BOM)


@settings(
    max_examples=examples(1000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
        (checked(record, dialect, "a.csv"), record.line)
        for record in islice(read_records([data], delimiter, encoding), int(header), None)
    ]
    assert bad == [wrong for (_, wrong), _ in one_by_one if wrong]
    assert found == [
        (*(field or None for field in fields), line) for (fields, wrong), line in one_by_one if not wrong
    ]


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


@settings(
    max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(JSON_LINES), max_size=10))
def test_json_lines_balance(opened: Warehouse, tmp_path: Path, lines: list[bytes]) -> None:
    try:
        staged = read(opened, tmp_path, b"\n".join(lines), "a.jsonl")
    except SourceError as error:
        assert "JSON array" in str(error) or "names a column twice" in str(error)  # noqa: PT017
        return
    assert balances(opened, staged)
