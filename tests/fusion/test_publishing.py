"""Publications: listed, rolled back, told when they are old. Kills are in test_killing.py."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from serving.lists import recommend
from tasks.fusion.publications import freshness, listed
from tasks.fusion.publishing import Publication, publish, ranked_again, reconcile, roll_back
from tasks.rules.effects import SCHEMA
from tests.empty import with_warehouse
from tests.warehouse.conftest import fill
from warehouse.columns import DIVERSE_LISTS, LISTS
from warehouse.connection import Warehouse, writing
from warehouse.errors import PolyrecError
from warehouse.retention import compact
from warehouse.snapshot import reading

START = datetime(2026, 11, 24, 3, tzinfo=UTC)
KEEP = 3


class Models:
    """A registry that notes what it is told."""

    def __init__(self) -> None:
        self.versions: list[Any] = []
        self.alias: str | None = None

    def register_lists(self, name: str, fusion: Any, lists: pl.DataFrame, tags: Any, metrics: Any) -> Any:
        self.versions.append((name, fusion, lists, tags, metrics))
        return f"run {len(self.versions)}", str(len(self.versions))

    def champion(self) -> str | None:
        return self.alias

    def has_version(self, version: str) -> bool:
        return int(version) <= len(self.versions)

    def set_champion(self, version: str) -> None:
        self.alias = version


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with writing(with_warehouse(tmp_path), "a test") as opened:
        fill(opened)
        model = {"fusion_id": "f", "fingerprint": "x", "normaliser": "zscore", "diversity": 0.1}
        model |= {"weights": '{"ease": 1.0}', "mlflow_run_id": "m", "created_at": START}
        opened.append("serving.fusion_models", pl.DataFrame([model]))
        yield opened


@pytest.fixture
def models() -> Models:
    return Models()


def rows_of(publication_id: str, score: float) -> pl.DataFrame:
    maps = pl.Series([{"ease": score}] * 3, dtype=pl.Map(pl.String, pl.Float64))
    return pl.DataFrame(
        {
            "publication_id": [publication_id] * 3,
            "user_id": ["a", "a", "b"],
            "rank": pl.Series([1, 2, 1], dtype=pl.Int32),
            "item_id": ["1", "2", "2"],
            "score": [score] * 3,
            "contributions": maps,
            "text_id": pl.Series([None] * 3, dtype=pl.String),
        }
    )


def nightly(warehouse: Warehouse, models: Models, night: int, **options: Any) -> str:
    """Publish lists whose scores are the number of the night."""
    now = START + timedelta(days=night)
    publication = Publication(
        f"p{night}", "f", f"data{night}", f"hash{night}", now, now, f"flow {night}", **options
    )
    rows = rows_of(f"p{night}", night)
    publish(warehouse, models, publication, {LISTS: rows, DIVERSE_LISTS: rows}, {}, KEEP)
    return publication.publication_id


def back(warehouse: Warehouse, models: Models, to: str | None = None, night: float = 9.0) -> Publication:
    return roll_back(
        warehouse, models, to, lambda rows: rows, no_effects, START + timedelta(days=night), KEEP
    )


def no_effects(*_: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame(schema=SCHEMA)


def served(warehouse: Warehouse) -> tuple[str, float]:
    with reading(warehouse.folder) as snapshot:
        (score,) = snapshot.query("published_lists", lists=LISTS)["score"].unique()
        return snapshot.query("current_publication")["publication_id"].item(), score


def test_a_publication_is_seen_by_readers_and_by_the_registry(warehouse: Warehouse, models: Models) -> None:
    nightly(warehouse, models, 1)
    assert served(warehouse) == ("p1", 1)
    assert models.alias == "1"
    name, fusion, _, tags, _ = models.versions[0]
    assert name == fusion["publication_id"] == tags["publication_id"] == "p1"


def test_all_are_listed_with_what_became_of_them(warehouse: Warehouse, models: Models) -> None:
    for night in range(5):
        nightly(warehouse, models, night)
    with reading(warehouse.folder) as snapshot:
        answer = listed(snapshot, 0, START + timedelta(days=5))
    rows = answer["publications"]
    assert [row["publication_id"] for row in rows] == ["p4", "p3", "p2", "p1", "p0"]
    assert [row["state"] for row in rows] == ["published"] * 3 + ["compacted"] * 2
    assert [row["current"] for row in rows] == [True] + [False] * 4
    assert [row["age_hours"] for row in rows] == [24, 48, 72, 96, 120]
    assert (rows[0]["users"], rows[0]["model_version"]) == (2, "5")
    assert answer["alert"] is None


def test_rolling_back_serves_the_lists_before(warehouse: Warehouse, models: Models) -> None:
    for night in range(1, 4):
        nightly(warehouse, models, night)
    first = back(warehouse, models)
    assert first.origin_id == "p2" and served(warehouse) == (first.publication_id, 2)
    assert models.alias == "4"  # a version of its own
    assert warehouse.query("last_made")["publication_id"].item() == "p3"  # what the next run compares with
    second = back(warehouse, models, night=10)  # further back, not to what was just left
    assert second.origin_id == "p1" and served(warehouse)[1] == 1


def test_rolling_back_to_a_publication_by_name(warehouse: Warehouse, models: Models) -> None:
    for night in range(1, 4):
        nightly(warehouse, models, night)
    back(warehouse, models, "p1")
    again = back(warehouse, models, "p3", night=10)
    assert served(warehouse) == (again.publication_id, 3)
    with reading(warehouse.folder) as snapshot:
        top = listed(snapshot, 0, START + timedelta(days=11))["publications"][0]
    assert (top["outcome"], top["origin_id"], top["age_hours"]) == ("rolled back", "p3", 192)
    assert top["flow_run_id"] == "flow 3"  # whose lists they are


def test_lists_that_were_brought_back_before_are_from_where_they_were(
    warehouse: Warehouse, models: Models
) -> None:
    nightly(warehouse, models, 1)
    nightly(warehouse, models, 2)
    first = back(warehouse, models)
    second = back(warehouse, models, first.publication_id, night=10)
    assert second.origin_id == first.origin_id == "p1" and second.flow_run_id == "flow 1"
    assert models.versions[-1][3]["origin_id"] == "p1"


def test_what_cannot_be_rolled_back_to_is_said(warehouse: Warehouse, models: Models) -> None:
    with pytest.raises(PolyrecError, match="nothing is published yet"):
        back(warehouse, models)
    nightly(warehouse, models, 0)
    with pytest.raises(PolyrecError, match="no older lists are kept"):
        back(warehouse, models)
    for night in range(1, 5):
        nightly(warehouse, models, night)
    with pytest.raises(PolyrecError, match="no publication 'p9'; see their ids"):
        back(warehouse, models, "p9")
    with pytest.raises(PolyrecError, match="lists of publication 'p0' are gone"):
        back(warehouse, models, "p0")
    with pytest.raises(PolyrecError, match="nothing of publication 'p3' may be shown"):
        roll_back(warehouse, models, "p3", lambda rows: rows.clear(), no_effects, START, KEEP)
    assert served(warehouse) == ("p4", 4)


def effects_again(rows: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """What was left out, as a rule."""
    assert rows["item_id"].to_list() == ["2", "2"] and candidates.is_empty()
    return pl.DataFrame([("a", "no", "excluded", 1)], schema=SCHEMA, orient="row")


def test_rules_of_today_hold_for_old_lists(warehouse: Warehouse, models: Models) -> None:
    nightly(warehouse, models, 1)
    nightly(warehouse, models, 2)
    rolled = roll_back(
        warehouse,
        models,
        None,
        lambda rows: rows.filter(
            pl.col("item_id").is_in(["1", "2"]) & ~((pl.col("user_id") == "a") & (pl.col("item_id") == "1"))
        ),
        effects_again,
        START + timedelta(3),
        KEEP,
    )
    for table in (LISTS, DIVERSE_LISTS):
        lists = warehouse.query("lists_of_publication", lists=table, publication_id=rolled.publication_id)
        assert lists.select("user_id", "rank", "item_id").rows() == [("a", 1, "2"), ("b", 1, "2")]
    with reading(warehouse.folder) as snapshot:
        assert snapshot.query("published_lists", lists=DIVERSE_LISTS)["item_id"].to_list() == ["2", "2"]
        assert recommend(snapshot, "a")["excluded"] == {"no": 1}
        assert recommend(snapshot, "b")["excluded"] == {}


def test_ranks_are_counted_again() -> None:
    rows = rows_of("p", 1.0)[[2, 1]]
    assert ranked_again(rows).select("user_id", "rank", "item_id").rows() == [("a", 1, "2"), ("b", 1, "2")]


def test_a_start_puts_the_alias_right(warehouse: Warehouse, models: Models) -> None:
    reconcile(warehouse, lambda: pytest.fail("opened for nothing"))
    nightly(warehouse, models, 1)
    nightly(warehouse, models, 2)
    models.alias = "1"
    reconcile(warehouse, lambda: models)
    assert models.alias == "2"
    models.versions.clear()  # its store was deleted
    models.alias = None
    reconcile(warehouse, lambda: models)
    assert models.alias is None


def run_at(warehouse: Warehouse, hours: float, fingerprint: str) -> None:
    warehouse.execute(
        "record_run",
        run_id=f"run {hours}",
        stage="fusion",
        flow_run_id=None,
        fingerprint=fingerprint,
        started_at=START + timedelta(days=1, hours=hours),
        seconds=1.0,
        counts={},
        settings="{}",
    )


def alert_at(warehouse: Warehouse, hours: float, limit: float = 36) -> str | None:
    found = freshness(warehouse, limit, START + timedelta(days=1, hours=hours))
    assert found is not None
    return found.alert


def test_old_lists_raise_an_alert_unless_a_run_found_them_up_to_date(
    warehouse: Warehouse, models: Models
) -> None:
    assert freshness(warehouse, 36, START) is None
    nightly(warehouse, models, 1)
    assert alert_at(warehouse, 36) is None
    alert = alert_at(warehouse, 37)
    assert alert is not None and "37 hours old, more than the 36 of max_list_age_hours in [fusion]" in alert
    assert alert_at(warehouse, 1000, limit=0) is None
    run_at(warehouse, 24, "data1")  # nothing was new
    assert alert_at(warehouse, 59) is None
    run_at(warehouse, 48, "other data")  # it made other lists, which are not served
    assert alert_at(warehouse, 61) is not None


def test_lists_that_were_brought_back_are_as_old_as_they_are(warehouse: Warehouse, models: Models) -> None:
    nightly(warehouse, models, 1)
    nightly(warehouse, models, 2)
    back(warehouse, models, night=2.5)
    alert = alert_at(warehouse, 37)
    assert alert is not None and "brought back from p1" in alert


def test_retention_keeps_what_a_rollback_needs(warehouse: Warehouse, models: Models) -> None:
    for night in range(5):
        nightly(warehouse, models, night)
    done = compact(warehouse, KEEP, 90, 30, START + timedelta(days=400))
    assert done.needed_runs == {"m", "run 3", "run 4", "run 5"}
    assert back(warehouse, models, night=401).origin_id == "p3"
