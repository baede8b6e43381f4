"""The rule of [retention], with the clock in our hands."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from tests.warehouse.conftest import NOW, publish, text_row
from warehouse.columns import LISTS
from warehouse.connection import Warehouse
from warehouse.retention import Compacted, compact
from warehouse.snapshot import current_snapshot, write_snapshot


def after(days: float) -> datetime:
    return NOW + timedelta(days=days)


def compacted(
    warehouse: Warehouse, now: datetime, publications: int = 2, runs_days: int = 90, texts_days: int = 30
) -> Compacted:
    return compact(warehouse, publications, runs_days, texts_days, now)


def publish_at(warehouse: Warehouse, name: str, day: float, fusion: str = "f") -> None:
    """A publication of a day, by a fusion of its own."""
    publish(warehouse, name, 0.5)
    row = {"publication_id": name, "user_id": "b", "matchers": ["ease"], "item_ids": ["1"], "scores": [0.5]}
    warehouse.append("serving.candidates", pl.DataFrame([row]))
    with warehouse.second_connection() as connection:
        connection.execute(
            "update serving.publications set created_at = $at, fusion_id = $fusion "
            "where publication_id = $name",
            {"at": after(day), "fusion": fusion, "name": name},
        )
        connection.execute(
            "insert or replace into serving.fusion_models select * replace ($fusion as fusion_id, "
            "'run of ' || $fusion as mlflow_run_id, $at::timestamptz as created_at) "
            "from serving.fusion_models where fusion_id = 'f'",
            {"at": after(day), "fusion": fusion},
        )


def ids(warehouse: Warehouse, table: str, column: str) -> list[str]:
    with warehouse.second_connection() as connection:
        rows = connection.execute(f"select distinct {column} from {table} order by 1").fetchall()
    return [row[0] for row in rows]


def record_run(warehouse: Warehouse, run_id: str, stage: str, day: float) -> None:
    warehouse.execute(
        "record_run",
        run_id=run_id,
        stage=stage,
        flow_run_id=None,
        fingerprint="f",
        started_at=after(day),
        seconds=1.0,
        counts={},
        settings="{}",
    )


def test_the_newest_publications_keep_their_lists(filled: Warehouse) -> None:
    for day in range(4):
        publish_at(filled, f"p{day}", day, f"f{day}")
    done = compacted(filled, after(4))
    assert ids(filled, "serving.recommendations", "publication_id") == ["p2", "p3"]
    assert ids(filled, "serving.candidates", "publication_id") == ["p2", "p3"]
    assert done.removed["serving.recommendations"] == done.removed["serving.candidates"] == 2
    states = {
        name: filled.query("publication", publication_id=name)["state"].item()
        for name in ("p0", "p1", "p2", "p3")
    }
    assert states == {"p0": "compacted", "p1": "compacted", "p2": "published", "p3": "published"}
    assert done.needed_runs == {"run of f2", "run of f3"}
    assert not any(compacted(filled, after(4)).removed.values())  # nothing is left to do


def test_the_current_publication_stays_however_old(filled: Warehouse) -> None:
    for day in range(4):
        publish_at(filled, f"p{day}", day, f"f{day}")
    filled.execute("set_current", publication_id="p0")  # after a rollback
    done = compacted(filled, after(1000), publications=1)
    assert ids(filled, "serving.publications", "publication_id") == ["p0", "p3"]
    assert ids(filled, "serving.recommendations", "publication_id") == ["p0", "p3"]
    assert {"f0", "f3"} <= set(ids(filled, "serving.fusion_models", "fusion_id"))
    assert not {"f1", "f2"} & set(ids(filled, "serving.fusion_models", "fusion_id"))
    assert done.needed_runs == {"run of f0", "run of f3"}
    assert filled.query("current_publication")["publication_id"].item() == "p0"


def test_publications_without_lists_are_remembered_for_a_while(filled: Warehouse) -> None:
    for day in range(3):
        publish_at(filled, f"p{day}", day, f"f{day}")
    assert compacted(filled, after(90)).removed["serving.publications"] == 0
    assert compacted(filled, after(90.5)).removed["serving.publications"] == 1
    assert ids(filled, "serving.publications", "publication_id") == ["p1", "p2"]


def test_the_latest_run_of_each_stage_stays(filled: Warehouse) -> None:
    for run_id, stage, day in (
        ("a", "ingest", 0),
        ("b", "ingest", 1),
        ("c", "fusion", 0),
        ("d", "fusion", 95),
    ):
        record_run(filled, run_id, stage, day)
    assert compacted(filled, after(90)).removed["ops.runs"] == 0
    assert compacted(filled, after(100)).removed["ops.runs"] == 2
    assert ids(filled, "ops.runs", "run_id") == ["b", "d"]
    assert filled.query("last_runs").height == 2


class TestTexts:
    """Text t-1-0 is live, t-1-1 is not and has a vector here."""

    @pytest.fixture
    def texts(self, filled: Warehouse) -> Warehouse:
        vector = pl.Series([[1.0] * 384], dtype=pl.Array(pl.Float32, 384))
        row = {"owner_kind": ["text"], "owner_id": ["t-1-1"], "content_hash": ["h"], "vector": vector}
        filled.append("features.vectors_minilm", pl.DataFrame(row))
        return filled

    def test_an_idle_text_goes_with_its_vector_after_its_days(self, texts: Warehouse) -> None:
        assert compacted(texts, after(0)).removed["features.texts"] == 0
        assert (
            compacted(texts, after(29)).removed["features.texts"] == 0
        )  # still counted from the first night
        removed = compacted(texts, after(30)).removed
        assert (removed["features.texts"], removed["features.vectors_minilm"]) == (1, 1)
        assert ids(texts, "features.texts", "text_id") == ["t-1-0"]
        assert ids(texts, "features.vectors_minilm", "owner_id") == ["1", "2", "t-1-0"]
        assert ids(texts, "features.idle_texts", "text_id") == []

    def test_a_text_that_was_live_again_is_counted_anew(self, texts: Warehouse) -> None:
        compacted(texts, after(0))
        live = pl.DataFrame({"item_id": ["1", "1"], "slot": [0, 1], "text_id": ["t-1-0", "t-1-1"]})
        texts.replace("features.live_texts", live)
        compacted(texts, after(20))
        texts.replace("features.live_texts", live.head(1))
        compacted(texts, after(40))
        assert compacted(texts, after(69)).removed["features.texts"] == 0
        assert compacted(texts, after(70)).removed["features.texts"] == 1

    def test_what_a_kept_list_shows_stays(self, texts: Warehouse) -> None:
        publish_at(texts, "p0", 0)
        with texts.second_connection() as connection:
            connection.execute("update serving.recommendations set text_id = 't-1-1'")
        for night in (1, 100, 200):
            assert compacted(texts, after(night)).removed["features.texts"] == 0
        publish_at(texts, "p1", 201)
        publish_at(texts, "p2", 202)
        compacted(texts, after(203))
        assert compacted(texts, after(233)).removed["features.texts"] == 1

    def test_no_patience(self, texts: Warehouse) -> None:
        texts.append("features.texts", pl.DataFrame([text_row("2", 2, "Idle too.")]))
        assert compacted(texts, NOW, texts_days=0).removed["features.texts"] == 2


def test_snapshots_follow_publications(filled: Warehouse) -> None:
    for day in range(3):
        publish_at(filled, f"p{day}", day)
        write_snapshot(filled, f"p{day}")
        write_snapshot(filled, f"p{day}")  # with its evaluation
    assert compacted(filled, after(3)).removed["snapshots"] == 4
    names = sorted(path.name for path in (filled.folder / "snapshots").glob("*.duckdb"))
    assert names == ["snapshot-p1.2.duckdb", "snapshot-p2.2.duckdb"]
    current = current_snapshot(filled.folder)
    assert current is not None and current.name == "snapshot-p2.2.duckdb"


def test_a_rollback_to_a_kept_publication_finds_all_it_needs(filled: Warehouse) -> None:
    for day in range(3):
        publish_at(filled, f"p{day}", day, f"f{day}")
    filled.replace("features.live_texts", pl.DataFrame({"item_id": ["1"], "slot": [1], "text_id": ["t-1-1"]}))
    compacted(filled, after(3))
    compacted(filled, after(400))
    filled.execute("set_current", publication_id="p1")
    write_snapshot(filled, "p1")
    current = filled.query("current_publication").row(0, named=True)
    assert (current["state"], current["fusion_id"], current["mlflow_run_id"]) == (
        "published",
        "f1",
        "run of f1",
    )
    assert filled.query("published_list", lists=LISTS, user_id="b", limit=9)["text"].item() == "For all."


def test_an_empty_warehouse_is_left_as_it_is(warehouse: Warehouse) -> None:
    done = compacted(warehouse, NOW)
    assert not any(done.removed.values()) and done.needed_runs == set()
