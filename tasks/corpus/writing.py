"""Which texts are missing, and how a shard of items gets them."""

from collections.abc import Iterator
from itertools import pairwise

import polars as pl

from tasks.corpus.prompts import prompt_hash, prompts_for, text_seed
from tasks.fingerprint import fingerprint
from tasks.models.engine import Engine, Generation, Prompt, Sampling
from tasks.settings import Corpus
from warehouse.columns import ANGLE, CONTENT, ITEM, SLOT, TEXT_ID
from warehouse.spool import shard_key

SEPARATOR = "\x1e"  # between the parts of a stored prompt

WANTED = {
    ITEM: pl.String,
    SLOT: pl.Int32,
    ANGLE: pl.String,
    "prompt": pl.String,
    "prompt_hash": pl.String,
}
ROWS = {
    TEXT_ID: pl.String,
    ITEM: pl.String,
    SLOT: pl.Int32,
    ANGLE: pl.String,
    "engine": pl.String,
    "prompt_hash": pl.String,
    "prompt": pl.String,
    "pass": pl.Int32,
    "attempt": pl.Int32,
    "seed": pl.Int64,
    "text": pl.String,
    "log_prob": pl.Float64,
    "n_tokens": pl.Int32,
    "whole_sentence": pl.Boolean,
    "status": pl.String,
    "reason": pl.String,
}


def sampling_of(corpus: Corpus) -> Sampling:
    """How tokens are drawn, by the settings."""
    return Sampling(corpus.max_new_tokens, corpus.temperature, corpus.top_k)


def number_of_shards(n_items: int, shard_items: int) -> int:
    """A power of two, so that a growing catalogue seldom moves items between shards.

    >>> number_of_shards(1682, 128), number_of_shards(10, 128)
    (16, 1)
    """
    return 1 << max(0, -(-n_items // shard_items) - 1).bit_length()


def items_of_shard(items: pl.DataFrame, key: str, corpus: Corpus) -> pl.DataFrame:
    """The items that belong to a shard, whether or not their texts are missing."""
    shards = number_of_shards(items.height, corpus.shard_items)
    return items.filter(pl.Series([shard_key(item_id, shards) == key for item_id in items[ITEM]]))


def wanted_texts(items: pl.DataFrame, corpus: Corpus, seed: int) -> pl.DataFrame:
    """Every text that should be live: one row per (item, slot), in that order.

    Args:
        items: item_id, title, year, categories, description, content; other columns are not looked at.
        corpus: angles, engine, sampling.
        seed: of the run.
    """
    sampling = sampling_of(corpus)
    rows = []
    for item_id, *content in items.select(ITEM, *CONTENT).iter_rows():
        prompts = prompts_for(corpus, *content)
        for slot, (angle, prompt) in enumerate(zip(corpus.angles, prompts, strict=True)):
            digest = prompt_hash(
                corpus.engine_identity, prompt, sampling, corpus.attempts, text_seed(seed, item_id, slot, 0)
            )
            rows.append((item_id, slot, angle.name, SEPARATOR.join(prompt), digest))
    return pl.DataFrame(rows, schema=WANTED, orient="row").sort(ITEM, SLOT)


def missing_texts(wanted: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The wanted texts that were never written.

    Args:
        wanted: from `wanted_texts`.
        known: item_id, slot, prompt_hash of texts in the warehouse.
    """
    keys = [ITEM, SLOT, "prompt_hash"]
    return wanted.join(known, on=keys, how="anti", maintain_order="left")


def write_texts(missing: pl.DataFrame, corpus: Corpus, engine: Engine, seed: int) -> pl.DataFrame:
    """Write the texts of one shard; returns rows of features.texts.

    Items are read in batches of like length, since a batch is padded to its longest. What is not a whole
    sentence is tried again, all batches' together.
    """
    lengths = [engine.prompt_length(_parts(prompt)) for prompt in missing["prompt"]]
    missing = missing.with_columns(length=pl.Series(lengths, dtype=pl.Int64))
    missing = missing.sort(pl.col("length").max().over(ITEM), ITEM, SLOT)
    prompts = [_parts(prompt) for prompt in missing["prompt"]]
    owners = list(missing.select(ITEM, SLOT).iter_rows())
    texts: dict[int, tuple[int, int, Generation]] = {}  # row -> attempt, seed, text
    waiting = list(range(len(prompts)))
    for attempt in range(corpus.attempts):
        for batch in _batches(waiting, corpus.batch_items * len(corpus.angles)):
            seeds = [text_seed(seed, *owners[row], attempt) for row in batch]
            written = engine.generate([prompts[row] for row in batch], sampling_of(corpus), seeds)
            for row, row_seed, generation in zip(batch, seeds, written, strict=True):
                if generation.whole_sentence or row not in texts:
                    texts[row] = attempt, row_seed, generation
        waiting = [row for row in waiting if not texts[row][2].whole_sentence]
    rows = _rows(missing, texts, corpus)
    return pl.DataFrame(rows, schema=ROWS, orient="row").sort(ITEM, SLOT)


def _parts(prompt: str) -> Prompt:
    """A prompt as it is stored, in its parts again."""
    return tuple(prompt.split(SEPARATOR))


def _batches(rows: list[int], most: int) -> Iterator[list[int]]:
    """Cut rows into as few batches as may be, of like size.

    >>> list(_batches([0, 1, 2, 3, 4], 3))
    [[0, 1, 2], [3, 4]]
    """
    count = -(-len(rows) // most)
    bounds = [-(-len(rows) * at // count) for at in range(count + 1)] if count else []
    for start, stop in pairwise(bounds):
        yield rows[start:stop]


def _rows(
    missing: pl.DataFrame, texts: dict[int, tuple[int, int, Generation]], corpus: Corpus
) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for row, wanted in enumerate(missing.iter_rows(named=True)):
        attempt, row_seed, generation = texts[row]
        text_id = fingerprint(wanted[ITEM], wanted[SLOT], wanted["prompt_hash"], row_seed, generation.text)
        whole = generation.whole_sentence
        rows.append(
            (
                text_id,
                wanted[ITEM],
                wanted[SLOT],
                wanted[ANGLE],
                corpus.written_by,
                wanted["prompt_hash"],
                wanted["prompt"],
                1,
                attempt,
                row_seed,
                generation.text,
                generation.log_prob,
                generation.n_tokens,
                whole,
                "ok" if whole else "cut",
                None if whole else f"no sentence end within {corpus.max_new_tokens} tokens",
            )
        )
    return rows
