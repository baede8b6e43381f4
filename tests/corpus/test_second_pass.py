"""The second pass over a warehouse: nothing is written twice, a killed run goes on, live texts follow."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tasks.corpus.acceptance import Rules
from tasks.corpus.planning import shards_of, wanted_texts
from tasks.corpus.reviewing import block, release
from tasks.corpus.rewriting import make_live, rewrite_shard, rewrites, similarity_of
from tasks.corpus.writing import Writer, write_texts
from tasks.items.item import items_by_id
from tasks.models.encoder import DIMENSIONS
from tasks.settings import Settings
from tasks.settings.corpus import Corpus, Rewrite
from tests.corpus.scripted import ScriptedEngine, openings_of, words_as_vector
from tests.corpus.test_rewriting import FIRST, NEW, answering, by_form, items, new_text
from warehouse.connection import Warehouse, writing
from warehouse.retention import compact
from warehouse.spool import Spool

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ON = Settings(corpus=Corpus(rewrite=Rewrite(enabled=True), shard_items=1, batch_items=1))
OFF = ON.model_copy(update={"corpus": ON.corpus.model_copy(update={"rewrite": Rewrite()})})
RULES = Rules(by_form, "rules")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """Three items with their first texts."""
    with writing(tmp_path, "a test") as opened:
        opened.append("core.items", items().with_columns(content_hash=pl.col("title")))
        first_pass(opened)
        yield opened


def wanted(warehouse: Warehouse) -> pl.DataFrame:
    return wanted_texts(warehouse.query("items_to_recommend"), ON.corpus, ON.seed)


def first_pass(warehouse: Warehouse) -> None:
    openings = openings_of(ON.corpus)
    engine = ScriptedEngine(lambda prompt: FIRST[openings.index(prompt.rsplit("\n", 1)[-1])])
    rows = warehouse.query("items_to_recommend")
    known = warehouse.query("known_texts")
    writer = Writer(ON.corpus, engine, RULES, items_by_id(rows), ON.seed)
    missing = wanted(warehouse).join(known, on=["item_id", "slot", "prompt_hash"], how="anti")
    warehouse.upsert("features.texts", write_texts(missing, writer))


def second_pass(warehouse: Warehouse, engine: ScriptedEngine, rules: Rules = RULES) -> list[str]:
    """Do what is left; returns what was written."""
    missing = rewrites(warehouse, ON, rules, wanted(warehouse)).missing
    similarity = similarity_of(warehouse, words_as_vector, ON.embedding.description_words)
    new = []
    for key, part in shards_of(missing, wanted(warehouse), ON.corpus.shard_items).items():
        new += rewrite_shard(warehouse, ON, key, part, engine, rules, similarity).new["text"].to_list()
    make_live(warehouse, ON, rules, wanted(warehouse))
    assert rewrites(warehouse, ON, rules, wanted(warehouse)).missing.is_empty()
    return new


def live(warehouse: Warehouse, item_id: str) -> list[str]:
    return warehouse.query("item_texts", item_id=item_id)["text"].to_list()


MIXED = [NEW["Perfect for viewers who"], FIRST[1], NEW["A story about"]]


def test_kept_texts_are_live_and_the_first_ones_stay(warehouse: Warehouse) -> None:
    make_live(warehouse, OFF, RULES, wanted(warehouse))
    assert live(warehouse, "0") == list(FIRST)
    assert len(second_pass(warehouse, answering(1, FIRST[1]))) == 9
    assert live(warehouse, "0") == MIXED
    assert warehouse.query("item_texts", item_id="0")["pass"].to_list() == [2, 1, 2]
    assert warehouse.query("known_texts").height == 18
    pairs = warehouse.query("rewrites")
    assert pairs["kept"].to_list() == [True, False, True] * 3
    assert pairs["reason"].str.starts_with("spread: ").all()
    firsts = warehouse.query("first_texts").join(pairs, left_on="text_id", right_on="first_text_id")
    assert firsts.height == 9 and set(firsts["text"]) == set(FIRST)


def test_second_run_writes_nothing(warehouse: Warehouse) -> None:
    second_pass(warehouse, answering(1, FIRST[1]))
    before = warehouse.query("known_texts"), warehouse.query("live_texts")
    engine = ScriptedEngine(new_text)
    assert second_pass(warehouse, engine) == [] == engine.asked
    assert warehouse.query("known_texts").equals(before[0])
    assert warehouse.query("live_texts").equals(before[1])


def test_changed_item_is_done_again_alone(warehouse: Warehouse) -> None:
    second_pass(warehouse, ScriptedEngine(new_text))
    title = pl.when(pl.col("item_id") == "1").then(pl.lit("Orchard Road")).otherwise("title").alias("title")
    warehouse.replace("core.items", items().with_columns(title).with_columns(content_hash=pl.col("title")))
    first_pass(warehouse)
    engine = ScriptedEngine(new_text)
    assert len(second_pass(warehouse, engine)) == 3
    assert all("Orchard Road" in prompt for prompt in engine.asked)


def test_other_rules_check_again_and_write_nothing(warehouse: Warehouse) -> None:
    second_pass(warehouse, ScriptedEngine(new_text))
    strict = Rules(lambda texts, _: ["x: bad" if "storms" in text else None for text in texts], "strict")
    warehouse.upsert("features.texts", stamped(warehouse, "strict"))
    engine = ScriptedEngine(new_text)
    assert second_pass(warehouse, engine, strict) == [] == engine.asked
    assert live(warehouse, "2") == [FIRST[0], NEW["The mood is"], NEW["A story about"]]
    assert warehouse.query("rewrites")["reason"][0] == "x: bad"


def stamped(warehouse: Warehouse, rules: str) -> pl.DataFrame:
    """The first texts as they would stand under other rules."""
    with warehouse.second_connection() as connection:
        texts = connection.sql("select * from features.texts where pass = 1").pl()
    return texts.with_columns(rules=pl.lit(rules))


def test_without_a_second_pass_first_texts_are_live_again(warehouse: Warehouse) -> None:
    second_pass(warehouse, ScriptedEngine(new_text))
    make_live(warehouse, OFF, RULES, wanted(warehouse))
    assert live(warehouse, "0") == list(FIRST)
    assert warehouse.query("rewrites").is_empty()
    engine = ScriptedEngine(new_text)
    assert second_pass(warehouse, engine) == [] == engine.asked
    assert live(warehouse, "0") == list(NEW.values())


class Killed(Exception):
    """In the place of a kill."""


@pytest.mark.parametrize("point", ["write", "commit"])
@pytest.mark.parametrize("shard", [0, 1])
def test_killed_run_goes_on_where_it_was(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, point: str, shard: int
) -> None:
    calls = 0
    real = getattr(Spool, point)

    def dying(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls > shard:
            raise Killed
        return real(*arguments, **named)

    asked: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(Spool, point, dying)
        engine = ScriptedEngine(new_text)
        with pytest.raises(Killed):
            second_pass(warehouse, engine)
        asked += engine.asked
    assert len(asked) > 0
    assert Spool(warehouse).recover() == (point == "commit")
    engine = ScriptedEngine(new_text)
    second_pass(warehouse, engine)
    asked += engine.asked
    again = len(asked) - len(set(asked))
    assert again == (0 if point == "commit" else calls_per_shard(warehouse)[shard])
    assert warehouse.query("known_rewrites").height == 9
    assert live(warehouse, "1") == list(NEW.values())


def calls_per_shard(warehouse: Warehouse) -> list[int]:
    """Texts of each shard: only those of the one in hand are written again."""
    return [rows for _, _, rows in warehouse.query("done_shards", stage="rewriting", fit="").iter_rows()]


def test_budget_leaves_the_rest_to_the_next_run(warehouse: Warehouse) -> None:
    similarity = similarity_of(warehouse, words_as_vector, 40)
    missing = rewrites(warehouse, ON, RULES, wanted(warehouse)).missing
    key, part = next(iter(shards_of(missing, wanted(warehouse), ON.corpus.shard_items).items()))
    engine = ScriptedEngine(new_text)
    done = rewrite_shard(warehouse, ON, key, part, engine, RULES, similarity, lambda: False)
    assert done.texts.is_empty() and done.new.is_empty() and engine.asked == []
    assert warehouse.query("done_shards", stage="rewriting", fit="").is_empty()
    make_live(warehouse, ON, RULES, wanted(warehouse))
    assert live(warehouse, "0") == list(FIRST)
    assert len(second_pass(warehouse, engine)) == 9


def test_vectors_of_items_are_taken_where_they_are_right(warehouse: Warehouse) -> None:
    vector = pl.Series([[1.0, *[0.0] * (DIMENSIONS - 1)]] * 2, dtype=pl.Array(pl.Float32, DIMENSIONS))
    rows = {"owner_kind": ["item"] * 2, "owner_id": ["0", "1"], "content_hash": [TITLES[0], "old"]}
    warehouse.append("features.vectors_minilm", pl.DataFrame(rows | {"vector": vector}))
    encoded: list[str] = []
    similarity = similarity_of(warehouse, lambda texts: encoded.extend(texts) or words_as_vector(texts), 40)
    assert encoded == ["Orchard (1951). Drama", "Glacier Road (1952). Drama, War"]
    stored = vector.to_numpy()[:1]
    assert similarity.ranks(stored, ["0"]) == [1]
    assert similarity.ranks(words_as_vector(encoded), ["1", "2"]) == [1, 1]


TITLES = items()["title"].to_list()


def test_blocked_rewrite_gives_way_to_its_first_text(warehouse: Warehouse) -> None:
    second_pass(warehouse, ScriptedEngine(new_text))
    text_id = warehouse.query("item_texts", item_id="0")["text_id"][1]
    block(warehouse, text_id, ON.corpus, lambda: RULES, lambda: ScriptedEngine(new_text), NOW)
    assert live(warehouse, "0") == [NEW["Perfect for viewers who"], FIRST[1], NEW["A story about"]]
    make_live(warehouse, ON, RULES, wanted(warehouse))
    assert live(warehouse, "0")[1] == FIRST[1]
    first = warehouse.query("item_texts", item_id="0")["text_id"][1]
    block(warehouse, first, ON.corpus, lambda: RULES, lambda: ScriptedEngine(new_text), NOW)
    assert live(warehouse, "0")[1] == "Harbour Lights, a film from 1950, has a mood of its own."


def test_released_rewrite_is_live_at_once(warehouse: Warehouse) -> None:
    held = "The mood is best seen at www.harbour.example today."
    second_pass(warehouse, answering(1, held))
    assert live(warehouse, "0") == MIXED
    texts = warehouse.query("quarantined_texts").filter(pl.col("item_id") == "0")
    release(warehouse, texts["text_id"].item(), NOW)
    assert live(warehouse, "0")[1] == held
    make_live(warehouse, ON, RULES, wanted(warehouse))
    assert live(warehouse, "0")[1] == held


def test_what_the_second_pass_needs_is_never_idle(warehouse: Warehouse) -> None:
    second_pass(warehouse, answering(1, FIRST[1]))
    for night in (0, 40, 80):
        removed = compact(warehouse, 1, 90, 30, NOW + timedelta(days=night)).removed
        assert removed["features.texts"] == 0
    make_live(warehouse, OFF, RULES, wanted(warehouse))
    compact(warehouse, 1, 90, 30, NOW + timedelta(days=100))
    assert compact(warehouse, 1, 90, 30, NOW + timedelta(days=131)).removed["features.texts"] == 9


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_the_real_model_writes_is_kept_by_the_rule(warehouse: Warehouse, models: Path) -> None:
    from tasks.arrays.text_spread import distances, item_ranks
    from tasks.corpus.safety.check import load_rules
    from tasks.models.encoder import load_encoder
    from tasks.models.engines import load_engine

    rules, encoder = load_rules(ON.corpus, models), load_encoder()
    engine = load_engine(ON.corpus, models)
    warehouse.upsert("features.texts", stamped(warehouse, rules.digest))
    similarity = similarity_of(warehouse, encoder.encode, 40)
    missing = rewrites(warehouse, ON, rules, wanted(warehouse)).missing
    for key, part in shards_of(missing, wanted(warehouse), ON.corpus.shard_items).items():
        rewrite_shard(warehouse, ON, key, part, engine, rules, similarity)
    make_live(warehouse, ON, rules, wanted(warehouse))
    texts, contents = warehouse.query("live_texts"), item_contents()
    assert texts.height == 9 and warehouse.query("known_rewrites").height == 9
    owners = texts["item_id"].cast(pl.Int64).to_numpy()
    kept = warehouse.query("rewrites")["kept"].to_numpy()
    spreads = []
    for written in (texts["text"].to_list(), list(FIRST) * 3):
        vectors = encoder.encode(
            [f"{contents[item]}. {text}" for item, text in zip(owners, written, strict=True)]
        )
        spreads.append(distances(vectors, owners))
        ranks = item_ranks(vectors, encoder.encode(contents), owners)
        if written == texts["text"].to_list():
            assert (ranks[kept] == 1).all()
    after, before = ([spread[owners == item].mean() for item in range(3)] for spread in spreads)
    for item in range(3):
        any_kept = kept[owners == item].any()
        assert after[item] > before[item] if any_kept else after[item] == pytest.approx(before[item])


def item_contents() -> list[str]:
    return ["Harbour Lights (1950)", "Orchard (1951). Drama", "Glacier Road (1952). Drama, War"]
