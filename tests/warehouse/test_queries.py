"""Every query file runs, says its grain, and the ones that later stages build on give known answers."""

import re
from typing import Any

import pytest

from tests.warehouse.conftest import NOW, publish
from warehouse.connection import Warehouse
from warehouse.sql import QUERIES, load_sql

PARAMETERS: dict[str, Any] = {
    "schema": "core",
    "table": "items",
    "protocol": "temporal_user",
    "parts": ["train"],
    "matchers": ["ease"],
    "limit": 10,
    "rows": 1,
    "seconds": 1.0,
    "started_at": NOW,
    "counts": {"items": 1.0},
    "seed": 0,
    "draw": 0,
    "given_events": 2,
    "min_interactions": 1,
    "for_test": True,
}


@pytest.mark.parametrize("name", sorted(path.stem for path in QUERIES.glob("*.sql")))
def test_every_query_runs_and_states_its_grain(filled: Warehouse, name: str) -> None:
    statement = load_sql(name)
    assert re.match(r"-- (\[.+\]|one row)", statement)
    wanted = set(
        re.findall(
            r"\$(\w+)", "\n".join(line for line in statement.splitlines() if not line.startswith("--"))
        )
    )
    filled.execute(name, **{parameter: PARAMETERS.get(parameter, "x") for parameter in wanted})


@pytest.mark.parametrize("path", sorted((QUERIES / "snapshot").glob("*.sql")), ids=lambda path: path.stem)
def test_snapshot_tables_are_those_of_the_warehouse(filled: Warehouse, path: Any) -> None:
    schema, _, table = path.stem.partition(".")
    assert not filled.query("table_columns", schema=schema, table=table).is_empty()


def test_fit_interactions(filled: Warehouse) -> None:
    train = filled.query("fit_interactions", protocol="temporal_user", parts=("train",))
    assert train.rows() == [("a", "1", 3.0, 10, "train"), ("b", "1", 4.0, 15, "train")]
    both = filled.query("fit_interactions", protocol="temporal_user", parts=["train", "test"])
    assert both.drop("part").rows() == [("a", "1", 3.0, 10), ("a", "2", 5.0, 20), ("b", "1", 4.0, 15)]
    assert both["part"].to_list() == ["train", "test", "train"]
    assert filled.query("fit_interactions", protocol="other", parts=["train"]).is_empty()


def test_texts_and_vectors(filled: Warehouse) -> None:
    live = filled.query("live_texts")
    assert live.select("item_id", "slot", "text_id", "text").rows() == [("1", 0, "t-1-0", "For all.")]
    assert filled.query("item_texts", item_id="1")["text"].to_list() == ["For all."]
    assert filled.query("item_texts", item_id="2").is_empty()
    vectors = filled.query("live_text_vectors")
    assert vectors.select("item_id", "slot").rows() == [("1", 0)] and vectors["vector"][0][0] == 3.0
    assert filled.query("items_without_vector")["item_id"].to_list() == ["2"]
    assert filled.query("texts_without_vector", encoded_as="").is_empty()
    assert filled.query("texts_without_vector", encoded_as=" otherwise")["text_id"].to_list() == ["t-1-0"]
    assert filled.query("text_totals").row(0) == ("toy", 1, 1, 1, 7, 1.0)


def test_candidate_scores(filled: Warehouse) -> None:
    rows = filled.query("candidate_scores", fit="all", matchers=["ease", "popularity"])
    assert rows.select("user_id", "item_id", "matcher", "score", "own_rank").rows() == [
        ("b", "2", "ease", 0.5, 1),
        ("b", "2", "popularity", 0.25, None),
    ]
    assert filled.query("candidate_scores", fit="all", matchers=["popularity"]).height == 1


def test_history_is_latest_first(filled: Warehouse) -> None:
    history = filled.query("history", user_id="a", limit=10)
    assert history.select("title", "value", "event_time").rows() == [
        ("Heat", 5.0, 20),
        ("Toy Story", 3.0, 10),
    ]
    assert filled.query("history", user_id="a", limit=1)["title"].to_list() == ["Heat"]


def test_published_list(filled: Warehouse) -> None:
    assert filled.query("published_list", user_id="b", limit=10).is_empty()
    publish(filled, "p1", 0.25)
    publish(filled, "p2", 0.5)
    row = filled.query("published_list", user_id="b", limit=10).row(0, named=True)
    assert row == {
        "rank": 1,
        "item_id": "1",
        "title": "Toy Story",
        "year": 1995,
        "categories": ["Animation", "Comedy"],
        "score": 0.5,
        "contributions": {"ease": 0.5},
        "text_id": "t-1-0",
        "angle": "audience",
        "text": "For all.",
    }
    assert filled.query("current_publication").select("publication_id", "weights").row(0) == (
        "p2",
        '{"ease": 1.0}',
    )
