"""The second pass over a warehouse: what is left to do, a shard of it, and what is live after it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl

from tasks.corpus.rewriting import (
    KEYS,
    decided_rewrites,
    missing_rewrites,
    rewrite_rules,
    rewrite_texts,
    wanted_rewrites,
)
from tasks.corpus.shards import drafts_of
from tasks.corpus.similarity import Encode, Nearness
from tasks.corpus.standing import Rules, chosen_texts, standing_texts
from tasks.items.item import items_of
from tasks.models.encoder import DIMENSIONS, Encoder
from tasks.models.engine import Engine
from tasks.run.fingerprint import fingerprint
from tasks.settings import Settings
from warehouse.columns import ITEM, SLOT, TEXT_ID, VECTOR
from warehouse.connection import Warehouse
from warehouse.spool import Spool


class Rewrites(NamedTuple):
    """The second pass as things stand."""

    wanted: pl.DataFrame
    decided: pl.DataFrame

    @property
    def missing(self) -> pl.DataFrame:
        """What is still to be written."""
        return missing_rewrites(self.wanted, self.decided)


class Done(NamedTuple):
    """What was done of a shard."""

    texts: pl.DataFrame
    """Rows of features.texts, as committed."""
    new: pl.DataFrame
    """Those of them that were written now; the others were there and judged again."""


def first_texts(warehouse: Warehouse, rules: Rules, wanted: pl.DataFrame) -> pl.DataFrame:
    """The text of the first pass that stands in each place, of rows of `wanted_texts`."""
    return chosen_texts(wanted, standing_texts(warehouse.query("known_texts"), rules.digest))


def rewrites(warehouse: Warehouse, settings: Settings, rules: Rules, wanted: pl.DataFrame) -> Rewrites:
    """What the second pass has to write of some items or of all, and what of it is decided.

    Args:
        warehouse: with the texts of the first pass.
        settings: of the run.
        rules: of the first pass.
        wanted: rows of `wanted_texts`, all of an item's or none.
    """
    firsts = first_texts(warehouse, rules, wanted).join(warehouse.query("first_texts"), on=TEXT_ID)
    to_rewrite = wanted_rewrites(firsts, settings.corpus, settings.seed)
    known = warehouse.query("known_rewrites")
    return Rewrites(to_rewrite, decided_rewrites(to_rewrite, known, _own(rules, settings).digest))


def nearness_of(warehouse: Warehouse, encode: Encode, words: int) -> Nearness:
    """All items' vectors: those of the last embedding where they are still right, else made here.

    Args:
        warehouse: with the items.
        encode: texts (T) to unit vectors (T, D) float32.
        words: of a description, and of each declared column, so many are encoded.
    """
    lacking = warehouse.query("items_without_vector", words=words)
    stored = warehouse.query("item_vectors").join(lacking, on=ITEM, how="anti")
    made = encode([item.content(words) for item in items_of(lacking)])
    vectors = np.concatenate([stored[VECTOR].to_numpy().reshape(-1, DIMENSIONS), made])
    return Nearness(encode, [*stored[ITEM], *lacking[ITEM]], vectors, words)


def rewrite_shard(
    warehouse: Warehouse,
    settings: Settings,
    key: str,
    missing: pl.DataFrame,
    engine: Engine,
    rules: Rules,
    nearness: Nearness,
    in_time: Callable[[], bool] = lambda: True,
) -> Done:
    """Write the missing texts of one shard again, judge and commit them.

    Args:
        warehouse: open for writing.
        settings: of the run.
        key: of the shard.
        missing: its part of what is missing, from `shards_of`.
        engine: writes.
        rules: of the first pass.
        nearness: decides what is kept.
        in_time: asked before each batch of items; once it says no, the rest is left to the next run.
    """
    corpus, item_ids = settings.corpus, missing[ITEM].unique()
    items = warehouse.query("listed_items", items=item_ids)
    drafts = drafts_of(warehouse, item_ids)
    texts = rewrite_texts(
        missing, items, corpus, engine, settings.seed, _own(rules, settings), nearness, drafts, in_time
    )
    if texts.height:
        spool = Spool(warehouse)
        digest = fingerprint(texts.select(TEXT_ID, "status", "rules"))
        spool.commit(spool.write("rewriting", "", key, digest, "features.texts", texts))
    new = [place not in drafts for place in texts.select(KEYS).iter_rows()]
    return Done(texts, texts.filter(pl.Series(new, dtype=pl.Boolean)))


def make_live(warehouse: Warehouse, settings: Settings, rules: Rules, wanted: pl.DataFrame) -> pl.DataFrame:
    """Point every (item, slot) at its first text or, where that is kept, at the one made of it.

    Args:
        warehouse: open for writing.
        settings: of the run; where there is no second pass, first texts are live.
        rules: of the first pass.
        wanted: rows of `wanted_texts`, of all items.

    Returns:
        The live texts: item_id, slot, text_id, n_tokens, whole_sentence.
    """
    columns = [ITEM, SLOT, TEXT_ID, "n_tokens", "whole_sentence"]
    live = first_texts(warehouse, rules, wanted).select(columns)
    with warehouse.transaction():
        if settings.corpus.rewrite.enabled:
            decided = rewrites(warehouse, settings, rules, wanted).decided
            pairs = decided.select(ITEM, SLOT, "first_text_id", TEXT_ID, "kept", "reason")
            warehouse.replace("features.rewrites", pairs)
            live = live.update(decided.filter("kept").select(columns), on=[ITEM, SLOT])
        else:
            warehouse.delete("features.rewrites", {})
        warehouse.replace("features.live_texts", live.select(ITEM, SLOT, TEXT_ID))
    return live


def _own(rules: Rules, settings: Settings) -> Rules:
    """What decides about texts of the second pass."""
    words = settings.embedding.description_words
    return rewrite_rules(rules, settings.corpus, Encoder.name, words)
