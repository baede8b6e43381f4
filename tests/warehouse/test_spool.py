"""Shards: whole or absent, loaded once, and picked up after a kill."""

import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from warehouse.connection import Warehouse, writing
from warehouse.errors import WarehouseError
from warehouse.spool import Spool, shard_key

PROJECT = Path(__file__).resolve().parents[2]

WRITE_AND_DIE = """
import os, signal, sys
from pathlib import Path
import polars as pl
from warehouse.connection import writing
from warehouse.spool import Spool
with writing(Path(sys.argv[1]), "doomed") as warehouse:
    spool = Spool(warehouse)
    spool.commit(spool.write("corpus", "", "first", "f1", "core.users", pl.DataFrame({"user_id": ["a"]})))
    spool.write("corpus", "", "second", "f2", "core.users", pl.DataFrame({"user_id": ["b", "c"]}))
    (spool.folder / "corpus.none.third.tmp").write_bytes(b"half a file")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def users(*names: str, age: int = 0) -> pl.DataFrame:
    return pl.DataFrame({"user_id": list(names), "age": [age] * len(names)})


def user_ids(warehouse: Warehouse) -> list[str]:
    return warehouse.query("users")["user_id"].to_list()


def scores(user: str, *items: str) -> pl.DataFrame:
    return pl.DataFrame({"item_id": list(items), "user_id": user}).with_columns(
        run_id=pl.lit("r"), fit=pl.lit("all"), matcher=pl.lit("ease"), score=pl.lit(1.0)
    )


def test_shard_key_depends_on_the_key_alone() -> None:
    keys = [shard_key(str(number), 10) for number in range(1000)]
    assert keys == [shard_key(str(number), 10) for number in range(1000)]
    assert set(keys) == {f"{number:04d}_of_0010" for number in range(10)}
    assert all(60 < keys.count(key) < 140 for key in set(keys))
    assert shard_key("1", 10) == "0000_of_0010"  # fixed for good: another value would redo all shards
    with pytest.raises(ValueError, match="at least 1, got 0"):
        shard_key("1", 0)


def test_commit_loads_rows_and_manifest_and_removes_the_file(warehouse: Warehouse) -> None:
    spool = Spool(warehouse)
    path = spool.write("corpus", "", "k", "f1", "core.users", users("a", "b"))
    assert path.exists() and user_ids(warehouse) == [] and spool.done("corpus", "") == {}
    assert spool.commit(path) == 2
    assert user_ids(warehouse) == ["a", "b"] and spool.done("corpus", "") == {"k": "f1"}
    assert list(spool.folder.iterdir()) == []
    assert spool.done("corpus", "train") == {} and spool.done("embedding", "") == {}


def test_a_new_fingerprint_takes_the_place_of_the_old(warehouse: Warehouse) -> None:
    spool = Spool(warehouse)
    spool.commit(spool.write("corpus", "", "k", "f1", "core.users", users("a", "b")))
    spool.commit(spool.write("corpus", "", "k", "f2", "core.users", users("a", age=9)))
    assert warehouse.query("users")["age"].to_list() == [9, 0]
    assert spool.done("corpus", "") == {"k": "f2"}


def test_killed_between_write_and_commit(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", WRITE_AND_DIE, str(tmp_path)], cwd=PROJECT, check=False)
    assert killed.returncode == -signal.SIGKILL
    with writing(tmp_path, "next run", timeout_s=0) as warehouse:
        spool = Spool(warehouse)
        assert user_ids(warehouse) == ["a"] and spool.done("corpus", "") == {"first": "f1"}
        assert spool.recover() == 1
        assert user_ids(warehouse) == ["a", "b", "c"]
        assert spool.done("corpus", "") == {"first": "f1", "second": "f2"}
        assert list(spool.folder.iterdir()) == []
        assert spool.recover() == 0


def test_killed_between_commit_and_removal_changes_nothing(warehouse: Warehouse) -> None:
    spool = Spool(warehouse)
    where = {"fit": "all", "user_id": ("a",)}
    path = spool.write("matching", "all", "k", "f", "matching.scores", scores("a", "1", "2"), replaces=where)
    content = path.read_bytes()
    spool.commit(path)
    path.write_bytes(content)
    assert spool.recover() == 1
    assert warehouse.query("candidate_scores", fit="all", matchers=["ease"]).height == 2


def test_replaces_removes_what_an_earlier_shard_left(warehouse: Warehouse) -> None:
    spool = Spool(warehouse)
    for user, items in (("a", "12"), ("b", "34"), ("a", "5")):
        where = {"fit": "all", "user_id": [user]}
        spool.commit(
            spool.write("m", "all", user, items, "matching.scores", scores(user, *items), replaces=where)
        )
    left = warehouse.query("candidate_scores", fit="all", matchers=("ease",))
    assert left.select("user_id", "item_id").rows() == [("a", "5"), ("b", "3"), ("b", "4")]


def test_table_without_primary_key_asks_what_is_replaced(warehouse: Warehouse) -> None:
    spool = Spool(warehouse)
    path = spool.write("matching", "all", "k", "f", "matching.scores", scores("a", "1"))
    with pytest.raises(WarehouseError, match="no primary key.*replaces="):
        spool.commit(path)


def test_rows_that_do_not_fit_leave_no_manifest(warehouse: Warehouse) -> None:
    spool = Spool(warehouse)
    bad = users("a").with_columns(user_id=pl.lit(None, pl.String))
    with pytest.raises(WarehouseError, match="do not fit into core.users"):
        spool.commit(spool.write("corpus", "", "k", "f", "core.users", bad))
    assert spool.done("corpus", "") == {}


def test_vectors_and_maps_survive_the_file(filled: Warehouse) -> None:
    spool = Spool(filled)
    vector = pl.Series([[0.5] * 384], dtype=pl.Array(pl.Float32, 384))
    frame = pl.DataFrame(
        {"fit": ["all"], "user_id": ["a"], "interest": [0], "weight": [1.0], "vector": vector}
    )
    spool.commit(spool.write("embedding", "all", "k", "f", "features.user_vectors", frame))
    assert filled.query("user_vectors", fit="all")["vector"].to_list() == [[0.5] * 384]


def test_bad_names_and_files_are_refused(warehouse: Warehouse) -> None:
    spool = Spool(warehouse)
    with pytest.raises(WarehouseError, match="a shard's key .* got '../x'"):
        spool.write("corpus", "", "../x", "f", "core.users", users("a"))
    stray = spool.folder / "stray.parquet"
    stray.write_bytes(b"not parquet")
    with pytest.raises(WarehouseError, match="stray.parquet is not a shard.*delete it"):
        spool.recover()
