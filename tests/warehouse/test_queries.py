"""Every query file runs, says its grain, and the ones that later stages build on give known answers."""

import re
from typing import Any

import polars as pl
import pytest

from tasks.corpus.planning import wanted_texts
from tasks.settings.corpus import Corpus
from tests.warehouse.conftest import NOW, publish
from warehouse.columns import LISTS
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
    "words": 40,
    "salt": "salt",
    "publications": 2,
    "kept": ["p"],
    "named": [0],
    "before": NOW,
    "now": NOW,
    "seconds": 1.0,
    "started_at": NOW,
    "counts": {"items": 1.0},
    "seed": 0,
    "draw": 0,
    "given_events": 2,
    "whole_ties": True,
    "min_interactions": 1,
    "for_test": True,
    "everything": False,
    "items": ["1"],
    "blocked": ["1"],
    "excluded": ["Comedy"],
    "lists": LISTS,
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


@pytest.mark.parametrize("path", sorted((QUERIES / "staged").glob("*.sql")), ids=lambda path: path.stem)
def test_queries_of_staged_rows_state_their_grain(path: Any) -> None:
    assert re.match(r"-- (\[.+\]|one row)", load_sql(f"staged/{path.stem}"))


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


class TestSearches:
    """Users a and b: a's train ends at 10, b's at 15, held back is a's event at 20."""

    @pytest.fixture
    def asked(self, filled: Warehouse) -> Warehouse:
        rows = [
            ("a", "toys", 10),
            ("a", "crime", 11),
            ("a", "heat", 20),
            ("b", "toys", 15),
            ("b", "more", 99),
        ]
        rows += [("c", "nobody", 1), ("idle", "early", 12), ("idle", "late", 30)]
        filled.append("core.users", pl.DataFrame({"user_id": ["idle"]}))
        columns = ["user_id", "query", "event_time"]
        filled.append("core.searches", pl.DataFrame(rows, schema=columns, orient="row"))
        return filled

    def found(self, warehouse: Warehouse, protocol: str, everything: bool = False) -> list[tuple[str, str]]:
        split = pl.lit(protocol).alias("protocol")
        rows = warehouse.query("fit_interactions", protocol="temporal_user", parts=["train", "test"])
        rows = rows.drop("value").with_columns(split, pl.lit("s").alias("split_hash"))
        warehouse.replace("core.splits", rows)
        searches = warehouse.query("fit_searches", protocol=protocol, parts=["train"], everything=everything)
        return searches.select("user_id", "query").rows()

    @pytest.mark.parametrize("protocol", ["temporal_user", "leave_one_out", "cold_user", "cold_item"])
    def test_none_later_than_the_users_last_event_of_the_fit(self, asked: Warehouse, protocol: str) -> None:
        assert self.found(asked, protocol) == [("a", "toys"), ("b", "toys")]

    def test_none_later_than_the_cut_of_the_log(self, asked: Warehouse) -> None:
        expected = [("a", "toys"), ("a", "crime"), ("b", "toys"), ("idle", "early")]
        assert self.found(asked, "temporal_global") == expected

    def test_none_where_parts_are_drawn_at_random(self, asked: Warehouse) -> None:
        assert self.found(asked, "stratified_item") == []

    def test_what_is_published_knows_all_of_known_users(self, asked: Warehouse) -> None:
        assert len(self.found(asked, "temporal_user", everything=True)) == 7


def test_texts_and_vectors(filled: Warehouse) -> None:
    live = filled.query("live_texts")
    assert live.select("item_id", "slot", "text_id", "text").rows() == [("1", 0, "t-1-0", "For all.")]
    assert filled.query("item_texts", item_id="1")["text"].to_list() == ["For all."]
    assert filled.query("item_texts", item_id="2").is_empty()
    vectors = filled.query("live_text_vectors")
    assert vectors.select("item_id", "slot").rows() == [("1", 0)] and vectors["vector"][0][0] == 3.0
    assert filled.query("items_without_vector", words=40)["item_id"].to_list() == ["2"]
    assert filled.query("texts_without_vector", encoded_as="", words=40).is_empty()
    otherwise = filled.query("texts_without_vector", encoded_as=" otherwise", words=40)
    assert otherwise.select("text_id", "content_hash").rows() == [("t-1-0", "t-1-0 otherwise")]


def with_more(warehouse: Warehouse, **more: object) -> None:
    """Give item 1, whose vectors are there, further columns."""
    item = {
        "item_id": "1",
        "title": "Toy Story",
        "year": 1995,
        "categories": ["Comedy"],
        "content_hash": "h1",
    }
    warehouse.upsert("core.items", pl.DataFrame([item | more]))


@pytest.mark.parametrize("column", ["description", "content"])
def test_what_is_encoded_of_a_description_is_part_of_what_a_vector_was_made_from(
    filled: Warehouse, column: str
) -> None:
    with_more(filled, **{column: "{}"})
    assert filled.query("items_without_vector", words=40)["content_hash"].to_list() == ["h1, 40 words", "h2"]
    text = filled.query("texts_without_vector", encoded_as="", words=40)
    assert text["content_hash"].to_list() == ["t-1-0, 40 words of h1"]
    vectors = pl.DataFrame(
        {
            "owner_kind": ["item", "text"],
            "owner_id": ["1", "t-1-0"],
            "content_hash": ["h1, 40 words", "t-1-0, 40 words of h1"],
            "vector": pl.Series([[1.0] * 384] * 2, dtype=pl.Array(pl.Float32, 384)),
        }
    )
    filled.upsert("features.vectors_minilm", vectors)
    for words, items, texts in ((40, ["2"], []), (41, ["1", "2"], ["t-1-0"])):
        assert filled.query("items_without_vector", words=words)["item_id"].to_list() == items
        found = filled.query("texts_without_vector", encoded_as="", words=words)
        assert found["text_id"].to_list() == texts


def test_attributes_reach_no_prompt_and_no_vector(filled: Warehouse) -> None:
    with_more(filled, attributes='{"mean_rating": "4.5"}', image_path="toy.png")
    rows = [filled.query(name) for name in ("items", "items_to_recommend")]
    rows.append(filled.query("items_without_vector", words=3))
    rows.append(filled.query("texts_without_vector", encoded_as=" otherwise", words=3))
    for frame in rows:
        assert (
            frame.height
            and "mean_rating" not in str(frame.to_dicts())
            and "toy.png" not in str(frame.to_dicts())
        )
    prompts = wanted_texts(filled.query("items_to_recommend"), Corpus(), 0)["prompt"]
    assert any("Toy Story" in prompt for prompt in prompts)
    assert not any("4.5" in prompt or "rating" in prompt for prompt in prompts)


@pytest.mark.parametrize("rule", ["active", "allowed"])
def test_texts_are_wanted_only_for_items_that_may_be_recommended(filled: Warehouse, rule: str) -> None:
    with_more(filled, **{rule: False})
    assert filled.query("items")["item_id"].to_list() == ["1", "2"]
    items = filled.query("items_to_recommend")
    assert items["item_id"].to_list() == ["2"]
    assert set(wanted_texts(items, Corpus(), 0)["item_id"]) == {"2"}


def test_candidate_scores(filled: Warehouse) -> None:
    rows = filled.query("candidate_scores", fit="all", matchers=["ease", "popularity"])
    assert rows.select("user_id", "item_id", "matcher", "score", "own_rank").rows() == [
        ("b", "2", "ease", 0.5, 1),
        ("b", "2", "popularity", 0.25, None),
    ]
    assert filled.query("candidate_scores", fit="all", matchers=["popularity"]).height == 1


def test_scores_of_users_are_those_of_a_block(filled: Warehouse) -> None:
    def scores(first: str, last: str) -> list[tuple[object, ...]]:
        rows = filled.query("scores_of_users", fit="all", matchers=["ease"], first=first, last=last)
        return rows.rows()

    assert scores("a", "b") == scores("b", "b") == [("b", "2", "ease", 0.5)]
    assert scores("a", "a") == scores("c", "z") == []


def test_history_is_latest_first(filled: Warehouse) -> None:
    history = filled.query("history", user_id="a", limit=10)
    assert history.select("title", "value", "event_time").rows() == [
        ("Heat", 5.0, 20),
        ("Toy Story", 3.0, 10),
    ]
    assert filled.query("history", user_id="a", limit=1)["title"].to_list() == ["Heat"]


def test_published_list(filled: Warehouse) -> None:
    assert filled.query("published_list", lists=LISTS, user_id="b", limit=10).is_empty()
    publish(filled, "p1", 0.25)
    publish(filled, "p2", 0.5)
    row = filled.query("published_list", lists=LISTS, user_id="b", limit=10).row(0, named=True)
    assert row == {
        "rank": 1,
        "item_id": "1",
        "title": "Toy Story",
        "year": 1995,
        "categories": ["Animation", "Comedy"],
        "score": 0.5,
        "contributions": {"ease": 0.5},
        "like_item_id": None,
        "rules": [],
        "text_id": "t-1-0",
        "angle": "audience",
        "text": "For all.",
    }
    assert filled.query("current_publication").select("publication_id", "weights").row(0) == (
        "p2",
        '{"ease": 1.0}',
    )
