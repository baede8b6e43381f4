from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from polars.testing import assert_frame_equal

from tasks.corpus.prompts import text_seed
from tasks.corpus.writing import (
    ROWS,
    items_of_shard,
    missing_texts,
    number_of_shards,
    wanted_texts,
    write_texts,
)
from tasks.models.engine import Engine, Generation, Prompt, Sampling
from tasks.settings import Corpus
from tests.models.toys import ToyEngine
from warehouse.spool import shard_key

SEED = 3


def catalogue(n: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "item_id": [str(number) for number in range(n)],
            "title": [f"Film {number}" for number in range(n)],
            "year": [1950 + number for number in range(n)],
            "categories": [["Drama", "War"][: number % 3] for number in range(n)],
            "description": [None] * n,
            "content": [None] * n,
        },
        schema_overrides={
            "categories": pl.List(pl.String),
            "description": pl.String,
            "content": pl.String,
        },
    )


class Stubborn(Engine):
    """Ends its sentence only when it is given one of the seeds; notes what it is asked."""

    name = "stubborn"

    def __init__(self, good_seeds: set[int]) -> None:
        self.good_seeds = good_seeds
        self.asked: list[list[int]] = []

    def prompt_length(self, prompt: Prompt) -> int:
        return len("".join(prompt))

    def log_prob(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> NDArray[np.float64]:
        raise NotImplementedError

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int]
    ) -> list[Generation]:
        self.asked.append(list(seeds))
        return [
            Generation(f"{prompt[-1]} {seed}", 7, -seed / 2**60, seed in self.good_seeds)
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]


@pytest.mark.parametrize(("items", "per_shard"), [(1, 1), (3, 64), (64, 64), (65, 64), (1682, 64), (40, 4)])
def test_shards_are_a_power_of_two_of_about_the_asked_size(items: int, per_shard: int) -> None:
    shards = number_of_shards(items, per_shard)
    assert shards & (shards - 1) == 0
    assert items / per_shard <= shards < 2 * max(1, items / per_shard)


def test_shards_hold_every_item_once() -> None:
    items, corpus = catalogue(100), Corpus(shard_items=16)
    keys = {shard_key(item_id, number_of_shards(100, 16)) for item_id in items["item_id"]}
    assert len(keys) == 8
    parts = [items_of_shard(items, key, corpus) for key in keys]
    assert all(part.height for part in parts)
    assert_frame_equal(pl.concat(parts), items, check_row_order=False)


def test_one_text_is_wanted_per_item_and_slot() -> None:
    wanted = wanted_texts(catalogue(4), Corpus(), SEED)
    assert wanted.select("item_id", "slot").rows() == [
        (str(item), slot) for item in range(4) for slot in range(3)
    ]
    assert wanted["angle"].to_list() == ["audience", "mood", "story"] * 4
    assert wanted["prompt_hash"].n_unique() == 12


def test_editing_a_title_changes_the_hashes_of_that_item_alone() -> None:
    items = catalogue(5)
    edited = items.with_columns(
        title=pl.when(pl.col("item_id") == "3").then(pl.lit("Film III")).otherwise("title")
    )
    before, after = (wanted_texts(frame, Corpus(), SEED) for frame in (items, edited))
    missing = missing_texts(after, before)
    assert missing.select("item_id", "slot").rows() == [("3", 0), ("3", 1), ("3", 2)]
    assert missing_texts(before, before).is_empty()


def test_order_of_the_catalogue_changes_nothing() -> None:
    items = catalogue(6)
    assert_frame_equal(wanted_texts(items.reverse(), Corpus(), SEED), wanted_texts(items, Corpus(), SEED))


def test_texts_that_are_not_whole_are_tried_again_with_another_seed() -> None:
    wanted = wanted_texts(catalogue(2), Corpus(), SEED)
    rows = [("0", 0), ("0", 1), ("0", 2), ("1", 0), ("1", 1), ("1", 2)]
    # The first succeeds at once, the second at the second attempt, the third at the last, the others never.
    good = {text_seed(SEED, "0", slot, attempt) for slot, attempt in ((0, 0), (1, 1), (2, 2))}
    engine = Stubborn(good)
    texts = write_texts(wanted, Corpus(attempts=3), engine, SEED)
    assert texts.select("item_id", "slot").rows() == rows
    assert texts["attempt"].to_list() == [0, 1, 2, 0, 0, 0]
    assert texts["status"].to_list() == ["ok", "ok", "ok", "cut", "cut", "cut"]
    assert texts["whole_sentence"].to_list() == [True] * 3 + [False] * 3
    assert texts["reason"].to_list() == [None] * 3 + ["no sentence end within 40 tokens"] * 3
    for (item, slot), row in zip(rows, texts.iter_rows(named=True), strict=True):
        assert row["seed"] == text_seed(SEED, item, slot, row["attempt"])
        assert row["text"].endswith(f" {row['seed']}")
        assert row["log_prob"] == -row["seed"] / 2**60
    again = [(item, slot) for item, slot in rows if (item, slot) != ("0", 0)]
    never = [one for one in again if one != ("0", 1)]
    expected = [
        [text_seed(SEED, *one, attempt) for one in asked]
        for attempt, asked in enumerate((rows, again, never))
    ]
    assert [sorted(asked) for asked in engine.asked] == [sorted(asked) for asked in expected]


def test_items_are_read_in_the_order_of_their_length_in_tokens() -> None:
    class Backwards(Stubborn):
        """Counts fewer tokens, the more characters a prompt has."""

        def prompt_length(self, prompt: Prompt) -> int:
            return -len("".join(prompt))

    orders = []
    for kind in (Stubborn, Backwards):
        engine = kind(set())
        items = catalogue(3).with_columns(title=pl.Series(["a" * 5, "a" * 50, "a" * 500]))
        corpus = Corpus(attempts=1, batch_items=1)
        write_texts(wanted_texts(items, corpus, SEED), corpus, engine, SEED)
        orders.append(engine.asked)
    assert orders[0] == orders[1][::-1]
    assert orders[0] != orders[1]


def test_texts_are_written_in_batches_that_are_not_too_large() -> None:
    engine = Stubborn(set())
    write_texts(wanted_texts(catalogue(7), Corpus(), SEED), Corpus(attempts=1, batch_items=3), engine, SEED)
    assert len(engine.asked) == 3
    assert max(map(len, engine.asked)) <= 9  # three items' texts
    assert len({seed for asked in engine.asked for seed in asked}) == 21


def test_texts_depend_on_neither_batch_nor_company() -> None:
    corpus = Corpus(max_new_tokens=5)
    wanted = wanted_texts(catalogue(6), corpus, SEED)
    texts = write_texts(wanted, corpus, ToyEngine(), SEED)
    assert dict(texts.schema) == ROWS
    assert texts["text_id"].n_unique() == texts.height == 18
    assert_frame_equal(write_texts(wanted, Corpus(max_new_tokens=5, batch_items=1), ToyEngine(), SEED), texts)
    some = wanted.filter(pl.col("item_id").is_in(["2", "5"]))
    assert_frame_equal(
        write_texts(some, corpus, ToyEngine(), SEED), texts.filter(pl.col("item_id").is_in(["2", "5"]))
    )


def test_nothing_missing_writes_nothing() -> None:
    wanted = wanted_texts(catalogue(2), Corpus(), SEED)
    engine = Stubborn(set())
    texts = write_texts(missing_texts(wanted, wanted), Corpus(), engine, SEED)
    assert texts.is_empty()
    assert dict(texts.schema) == ROWS
    assert engine.asked == []
