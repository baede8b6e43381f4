"""A look at the first rows: what is found out, and that it is what staging will read."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from tasks.ingest.sample import sample
from tasks.settings.data import Table
from warehouse.errors import SourceError


def test_csv(tmp_path: Path) -> None:
    text = "id;title\n" + "".join(f"{n};Amélie {n}\n" for n in range(50)) + "1;2;3\n"
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode("latin-1")))
    (tmp_path / "b.csv").write_text("id,title\n")
    look = sample(Table(files=("a.csv.gz", "b.csv")), tmp_path, n=3)
    assert look.source == "a.csv.gz" and look.rows.columns == ["id", "title"]
    assert look.rows.rows() == [("0", "Amélie 0"), ("1", "Amélie 1"), ("2", "Amélie 2")]
    assert sample(Table(files=("a.csv.gz",)), tmp_path).rows.height == 50
    assert sample(Table(files=("b.csv",), header=False), tmp_path).rows.rows() == [("id", "title")]


def test_files_that_hold_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    (tmp_path / "b.csv").write_text("id,title")
    assert sample(Table(files=("a.csv",)), tmp_path).rows.columns == []
    look = sample(Table(files=("b.csv",)), tmp_path)
    assert look.rows.columns == ["id", "title"] and look.rows.is_empty()
    with pytest.raises(SourceError, match="nothing to read"):
        sample(Table(), tmp_path)


def test_json_and_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1, "tags": ["é"]}\nnot json\n{"id": true}\n')
    assert sample(Table(files=("a.jsonl",)), tmp_path).rows.rows() == [("1", '["é"]'), ("true", None)]
    frame = pl.DataFrame({"id": [1.0, 2.5], "tags": [["x"], None]})
    frame.write_parquet(tmp_path / "a.parquet")
    look = sample(Table(files=("a.parquet",)), tmp_path, n=5)
    assert look.rows.rows() == [("1", '["x"]'), ("2.5", None)]
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match="no whole Parquet"):
        sample(Table(files=("bad.parquet",)), tmp_path)
