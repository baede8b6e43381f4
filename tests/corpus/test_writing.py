from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.testing import assert_frame_equal

from tasks.corpus.acceptance import Rules, rules_hash
from tasks.corpus.planning import chosen_texts, missing_texts, standing_texts, wanted_texts
from tasks.corpus.prompts import text_seed
from tasks.corpus.writing import ROWS, Writer
from tasks.corpus.writing import write_texts as write
from tasks.items.item import Item, items_by_id
from tasks.models.engine import Engine, Generation, Prompt, Sampling
from tasks.settings.corpus import Corpus, Quality
from tests.models.toys import ToyEngine

SEED = 3
# What toys write is no sentence about anything.
LENIENT = Quality(min_words=1, max_repetition=1, min_faithfulness=0)


def safe(texts: Sequence[str], items: Sequence[Item]) -> list[str | None]:
    assert len(texts) == len(items)
    return [None] * len(texts)


RULES = Rules(safe, "rules")


def write_texts(
    missing: pl.DataFrame,
    corpus: Corpus,
    engine: Engine,
    rules: Rules = RULES,
    first: dict[tuple[str, int, str], Generation] | None = None,
) -> pl.DataFrame:
    lenient = corpus.model_copy(update={"quality": LENIENT})
    return write(missing, Writer(lenient, engine, rules, items_by_id(catalogue(10)), SEED, first or {}))


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
        lengths = [
            (len("".join(prompt)), len(text)) for prompt, text in zip(prompts, continuations, strict=True)
        ]
        return np.array([-asked - written / 1000 for asked, written in lengths])

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int]
    ) -> list[Generation]:
        self.asked.append(list(seeds))
        return [
            Generation(f"{prompt[-1]} {seed}", 7, -seed / 2**60, seed in self.good_seeds)
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]


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
    texts = write_texts(wanted, Corpus(attempts=3), engine)
    assert texts.select("item_id", "slot").rows() == rows
    assert texts["attempt"].to_list() == [0, 1, 2, 3, 3, 3]
    assert texts["status"].to_list() == ["ok"] * 3 + ["fallback"] * 3
    assert texts["whole_sentence"].all()
    assert texts["rules"].unique().to_list() == ["rules"]
    cut = "cut: no end of a sentence"
    assert texts["reason"].to_list() == [
        None,
        f"attempt 1 before: {cut}",
        f"attempt 2 before: {cut}",
        *[cut] * 3,
    ]
    for (item, slot), row in zip(rows[:3], texts.iter_rows(named=True), strict=False):
        assert row["seed"] == text_seed(SEED, item, slot, row["attempt"])
        assert row["text"].endswith(f" {row['seed']}")
        assert row["log_prob"] == -row["seed"] / 2**60
    plain = texts.filter(pl.col("status") == "fallback")
    assert plain["text"].str.contains("Film 1").all() and plain["text"].n_unique() == 3
    for row in plain.iter_rows(named=True):  # after the prompt without the opening
        asked = "".join(row["prompt"].split("\x1e")[:-1])
        assert row["log_prob"] == -len(asked) - len(row["text"]) / 1000
        assert row["n_tokens"] == len(row["text"])
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
        items = catalogue(3).with_columns(title=pl.Series(["a" * 5, "a" * 50, "a" * 58]))
        corpus = Corpus(attempts=1, batch_items=1)
        write_texts(wanted_texts(items, corpus, SEED), corpus, engine)
        orders.append(engine.asked)
    assert orders[0] == orders[1][::-1]
    assert orders[0] != orders[1]


def test_texts_are_written_in_batches_that_are_not_too_large() -> None:
    engine = Stubborn(set())
    write_texts(wanted_texts(catalogue(7), Corpus(), SEED), Corpus(attempts=1, batch_items=3), engine)
    assert len(engine.asked) == 3
    assert max(map(len, engine.asked)) <= 9  # three items' texts
    assert len({seed for asked in engine.asked for seed in asked}) == 21


def test_texts_depend_on_neither_batch_nor_company() -> None:
    corpus = Corpus(max_new_tokens=5)
    wanted = wanted_texts(catalogue(6), corpus, SEED)
    texts = write_texts(wanted, corpus, ToyEngine())
    assert dict(texts.schema) == ROWS
    assert texts["text_id"].n_unique() == texts.height == 18
    assert_frame_equal(write_texts(wanted, Corpus(max_new_tokens=5, batch_items=1), ToyEngine()), texts)
    some = wanted.filter(pl.col("item_id").is_in(["2", "5"]))
    assert_frame_equal(
        write_texts(some, corpus, ToyEngine()), texts.filter(pl.col("item_id").is_in(["2", "5"]))
    )


def test_nothing_missing_writes_nothing() -> None:
    wanted = wanted_texts(catalogue(2), Corpus(), SEED)
    engine = Stubborn(set())
    texts = write_texts(missing_texts(wanted, wanted), Corpus(), engine)
    assert texts.is_empty()
    assert dict(texts.schema) == ROWS
    assert engine.asked == []


def test_unsafe_attempts_are_kept_beside_what_takes_their_place() -> None:
    def check(texts: Sequence[str], _: Sequence[Item]) -> list[str | None]:
        return ["rule: bad" if str(text_seed(SEED, "0", 0, 0)) in text else None for text in texts]

    wanted = wanted_texts(catalogue(1), Corpus(), SEED)
    every = {text_seed(SEED, "0", slot, attempt) for slot in range(3) for attempt in range(2)}
    texts = write_texts(wanted, Corpus(), Stubborn(every), Rules(check, "rules"))
    assert texts.select("slot", "attempt", "status", "reason").rows() == [
        (0, 0, "quarantined", "rule: bad"),
        (0, 1, "ok", "attempt 1 before: rule: bad"),
        (1, 0, "ok", None),
        (2, 0, "ok", None),
    ]

    unsafe = write_texts(
        wanted, Corpus(), Stubborn(every), Rules(lambda texts, _: ["all: bad"] * len(texts), "")
    )
    assert unsafe["status"].to_list() == ["quarantined", "quarantined", "fallback"] * 3
    plain = unsafe.filter(pl.col("status") == "fallback")["text"]
    assert not plain.str.contains("Film 0").any()  # the title breaks the rule too
    assert plain.str.contains("1950").all()


def test_blocked_text_is_not_written_again() -> None:
    wanted = wanted_texts(catalogue(1), Corpus(attempts=1), SEED)
    good = {text_seed(SEED, "0", slot, 0) for slot in range(3)}
    texts = write_texts(wanted, Corpus(attempts=1), Stubborn(good))
    blocked = texts["text_id"][1]
    again = write_texts(wanted, Corpus(attempts=1), Stubborn(good), Rules(safe, "rules", {blocked}))
    assert again["status"].to_list() == ["ok", "fallback", "ok"]
    assert again["reason"][1] == "blocked: by an operator"


def test_first_attempts_that_are_there_are_checked_and_not_written() -> None:
    wanted = wanted_texts(catalogue(1), Corpus(), SEED)
    good = {text_seed(SEED, "0", slot, attempt) for slot in range(3) for attempt in range(2)}
    fresh = write_texts(wanted, Corpus(), Stubborn(good))
    columns = ("item_id", "slot", "prompt_hash")
    first = {
        row[:3]: Generation(*row[3:])
        for row in fresh.select(*columns, "text", "n_tokens", "log_prob", "whole_sentence").iter_rows()
    }
    engine = Stubborn(good)
    assert_frame_equal(write_texts(wanted, Corpus(), engine, first=first), fresh)
    assert engine.asked == []
    some = {key: one for key, one in first.items() if key[1] != 2}
    some |= {key: Generation(one.text, 1, -1.0, False) for key, one in first.items() if key[1] == 0}
    again = write_texts(wanted, Corpus(), engine, first=some)
    assert again["attempt"].to_list() == [1, 0, 0]
    assert engine.asked == [[text_seed(SEED, "0", 2, 0)], [text_seed(SEED, "0", 0, 1)]]


def known(rows: list[tuple[str, int, str, str, str, str | None, bool]]) -> pl.DataFrame:
    columns = ("item_id", "slot", "prompt_hash", "text_id", "status", "decision", "hidden")
    frame = pl.DataFrame(rows, schema=list(columns), orient="row", schema_overrides={"decision": pl.String})
    return frame.with_columns(slot=pl.col("slot").cast(pl.Int32), rules=pl.lit("now"), attempt=pl.lit(0))


def test_what_stands_and_what_is_chosen() -> None:
    wanted = wanted_texts(catalogue(1), Corpus(), SEED)
    hashes = wanted["prompt_hash"].to_list()
    frame = known(
        [
            ("0", 0, hashes[0], "hidden", "quarantined", None, True),
            ("0", 0, hashes[0], "plain", "fallback", None, False),
            ("0", 1, hashes[1], "released", "quarantined", "released", False),
            ("0", 1, hashes[1], "written", "ok", None, False),
            ("0", 2, hashes[2], "blocked", "ok", "blocked", True),
        ]
    )
    standing = standing_texts(frame, "now")
    assert set(standing["text_id"]) == {"plain", "released", "written"}
    assert chosen_texts(wanted, standing)["text_id"].to_list() == ["plain", "released"]
    assert missing_texts(wanted, standing)["slot"].to_list() == [2]
    # Under other rules all is checked again but what an operator decided.
    assert standing_texts(frame, "later")["text_id"].to_list() == ["released"]
    old = frame.with_columns(rules=pl.lit(None, dtype=pl.String))
    assert standing_texts(old, "now")["text_id"].to_list() == ["released"]


def test_rules_change_with_thresholds_and_safety() -> None:
    digests = {rules_hash(Quality(), "1"), rules_hash(Quality(), "2"), rules_hash(Quality(min_words=6), "1")}
    assert len(digests) == 3
    assert rules_hash(Quality(), "1") in digests
