"""Snapshots: immutable, swapped whole, and the same for a reader until it closes."""

from pathlib import Path

import duckdb
import polars as pl
import pytest

from serving.lists import recommend
from tests.warehouse.conftest import NOW, publish
from warehouse.columns import DIVERSE_LISTS, LISTS
from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.export import export_lists
from warehouse.snapshot import (
    Snapshot,
    current_snapshot,
    reading,
    reconcile_snapshot,
    remove_old_snapshots,
    write_snapshot,
)


def score_of_b(snapshot: Snapshot) -> float:
    return snapshot.query("published_list", lists=LISTS, user_id="b", limit=10)["score"].item()


def test_nothing_published_yet(tmp_path: Path, filled: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="nothing is published yet.*polyrec run"), reading(tmp_path):
        pytest.fail("opened nothing")
    assert current_snapshot(tmp_path) is None and reconcile_snapshot(filled) is None
    with pytest.raises(WarehouseError, match="no publication 'p1'"):
        write_snapshot(filled, "p1")


def test_a_reader_keeps_its_lists_while_others_are_published(filled: Warehouse) -> None:
    publish(filled, "p1", 0.5)
    assert write_snapshot(filled, "p1").name == "snapshot-p1.duckdb"
    with reading(filled.folder) as early:
        publish(filled, "p2", 0.75)
        assert score_of_b(early) == 0.5
        write_snapshot(filled, "p2")
        assert remove_old_snapshots(filled.folder, keep=1) == [
            filled.folder / "snapshots" / "snapshot-p1.duckdb"
        ]
        with reading(filled.folder) as late:
            assert (score_of_b(early), score_of_b(late)) == (0.5, 0.75)
            assert early.query("current_publication")["publication_id"].item() == "p1"
    assert sorted(path.name for path in (filled.folder / "snapshots").iterdir()) == [
        "current",
        "snapshot-p2.duckdb",
    ]


def test_the_same_publication_again_is_a_new_file(filled: Warehouse) -> None:
    publish(filled, "p1", 0.5)
    write_snapshot(filled, "p1")
    with reading(filled.folder) as early:
        metric = {"model": "ease", "part": "test", "metric": "ndcg_at_10", "value": 0.2}
        filled.append("evaluation.metrics", pl.DataFrame([metric]))
        run = {
            "run_id": "r",
            "stage": "evaluation",
            "fingerprint": "f",
            "started_at": NOW,
            "seconds": 1.5,
            "counts": {"users": 2.0},
            "settings": "{}",
        }
        filled.execute("record_run", flow_run_id=None, **run)
        assert write_snapshot(filled, "p1").name == "snapshot-p1.2.duckdb"
        with reading(filled.folder) as late:
            assert early.query("metrics").is_empty() and late.query("metrics").height == 1
            assert late.query("last_runs").select("stage", "counts").row(0) == ("evaluation", {"users": 2.0})
    assert reconcile_snapshot(filled) is None


def test_a_snapshot_of_an_older_version_is_written_again(filled: Warehouse) -> None:
    publish(filled, "p1", 0.5)
    path = write_snapshot(filled, "p1")
    with duckdb.connect(path) as connection:
        connection.execute("drop table serving.diverse_lists")
        connection.execute("delete from main.applied_migrations where name > 'm014'")
    with reading(filled.folder) as snapshot:
        assert snapshot.path != path
        assert snapshot.query("table_rows", schema="serving", table="diverse_lists")["rows"][0] == 0


def test_readers_follow_the_truth_after_a_kill_before_the_snapshot(filled: Warehouse) -> None:
    publish(filled, "p1", 0.5)
    write_snapshot(filled, "p1")
    publish(filled, "p2", 0.75)
    (filled.folder / "snapshots" / "snapshot-p2.tmp").write_bytes(b"half a snapshot")
    assert reconcile_snapshot(filled) == current_snapshot(filled.folder)
    with reading(filled.folder) as snapshot:
        assert score_of_b(snapshot) == 0.75
    assert not list((filled.folder / "snapshots").glob("*.tmp*"))


def test_the_current_one_is_never_removed(filled: Warehouse) -> None:
    for name in ("p1", "p2", "p3"):
        publish(filled, name, 0.5)
        write_snapshot(filled, name)
    (filled.folder / "snapshots" / "current").write_text("snapshot-p1.duckdb\n")
    removed = remove_old_snapshots(filled.folder, keep=2)
    assert [path.name for path in removed] == ["snapshot-p2.duckdb"]
    with pytest.raises(ValueError, match="at least 1, got 0"):
        remove_old_snapshots(filled.folder, keep=0)


def test_a_snapshot_is_read_only_and_names_are_safe(filled: Warehouse) -> None:
    publish(filled, "../p", 0.5)
    with pytest.raises(WarehouseError, match="part of a file name"):
        write_snapshot(filled, "../p")
    publish(filled, "p1", 0.5)
    write_snapshot(filled, "p1")
    with reading(filled.folder) as snapshot, pytest.raises(WarehouseError, match="read-only"):
        snapshot.query("record_test_look", split_hash="s", fusion_id="f", mlflow_run_id="m")


def test_a_broken_pointer_says_what_to_do(filled: Warehouse) -> None:
    publish(filled, "p1", 0.5)
    write_snapshot(filled, "p1").unlink()
    with pytest.raises(WarehouseError, match="cannot open the published snapshot"), reading(filled.folder):
        pytest.fail("opened a removed file")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_export(filled: Warehouse, tmp_path: Path, suffix: str) -> None:
    publish(filled, "p1", 0.5)
    write_snapshot(filled, "p1")
    path = tmp_path / f"lists.{suffix}"
    assert export_lists(filled.folder, path) == 1
    frame = (
        pl.read_parquet(path)
        if suffix == "parquet"
        else pl.read_csv(path, schema_overrides={"item_id": pl.String})
    )
    row = frame.row(0, named=True)
    assert (row["user_id"], row["rank"], row["item_id"], row["title"]) == ("b", 1, "1", "Toy Story")
    assert row["contributions"] == '{"ease":0.5}' and row["text"] == "For all."
    assert row["categories"] == (["Animation", "Comedy"] if suffix == "parquet" else "Animation|Comedy")
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == [path.name]


def test_export_refuses_with_a_reason(filled: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match=r"'lists.xlsx': the name must end in .parquet or .csv"):
        export_lists(filled.folder, tmp_path / "lists.xlsx")
    with pytest.raises(WarehouseError, match="does not exist"):
        export_lists(filled.folder, tmp_path / "nowhere" / "lists.csv")
    with pytest.raises(WarehouseError, match="nothing is published yet"):
        export_lists(filled.folder, tmp_path / "lists.csv")


def test_lists_of_an_older_version_have_no_diverse_ones(tmp_path: Path, filled: Warehouse) -> None:
    publish(filled, "p1", 0.5)
    write_snapshot(filled, "p1")
    with pytest.raises(WarehouseError, match="without diverse ones; `polyrec run`"):
        export_lists(filled.folder, tmp_path / "lists.csv", DIVERSE_LISTS)
    assert export_lists(filled.folder, tmp_path / "lists.csv") > 0
    with reading(filled.folder) as snapshot:
        with pytest.raises(WarehouseError, match="without diverse ones; `polyrec run`"):
            recommend(snapshot, "b", k=1, diversity="diverse")
        assert len(recommend(snapshot, "b", k=1)["items"]) == 1
