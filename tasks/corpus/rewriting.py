"""The second pass: each text of an item is written again so that it says what the others do not.

The model reads the item's facts and its first texts. What it writes takes the place of a first text only
where `similarity.replacements` allows it and all rules of the first pass hold; both stay in features.texts.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl

from tasks.corpus.acceptance import Rules
from tasks.corpus.planning import (
    KEYS,
    chosen_texts,
    decided_rewrites,
    missing_rewrites,
    standing_texts,
    wanted_rewrites,
)
from tasks.corpus.prompts import REWRITE
from tasks.corpus.similarity import Similarity, replacements
from tasks.corpus.writing import ROWS, Row, Writer, batches
from tasks.items.item import items_of
from tasks.models.encoder import DIMENSIONS, Encode, Encoder
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

    texts: pl.DataFrame  # rows of features.texts, as committed
    new: pl.DataFrame  # those of them that were written now; the others were there and were checked again


def rewrite_rules(rules: Rules, settings: Settings, encoder: str = Encoder.name) -> Rules:
    """The rules of the first pass with a digest that also stands for those about vectors."""
    rank, words = settings.corpus.rewrite.max_item_rank, settings.embedding.description_words
    return rules._replace(digest=fingerprint(rules.digest, rank, encoder, words))


def rewrites(warehouse: Warehouse, settings: Settings, rules: Rules, wanted: pl.DataFrame) -> Rewrites:
    """What the second pass has to write of some items or of all, and what of it is decided.

    `wanted` are rows of `wanted_texts`, all of an item's or none; the rules are those of the first pass.
    """
    firsts = _first_texts(warehouse, rules, wanted).join(warehouse.query("first_texts"), on=TEXT_ID)
    to_rewrite = wanted_rewrites(firsts, settings.corpus, settings.seed)
    known = warehouse.query("known_rewrites")
    return Rewrites(to_rewrite, decided_rewrites(to_rewrite, known, rewrite_rules(rules, settings).digest))


def similarity_of(warehouse: Warehouse, encode: Encode, words: int) -> Similarity:
    """All items' vectors: those of the last embedding where they are still right, else made here."""
    lacking = warehouse.query("items_without_vector", words=words)
    stored = warehouse.query("item_vectors").join(lacking, on=ITEM, how="anti")
    made = encode([item.content(words) for item in items_of(lacking)])
    vectors = np.concatenate([stored[VECTOR].to_numpy().reshape(-1, DIMENSIONS), made])
    return Similarity(encode, [*stored[ITEM], *lacking[ITEM]], vectors, words)


def rewrite_shard(
    warehouse: Warehouse,
    settings: Settings,
    key: str,
    missing: pl.DataFrame,
    engine: Engine,
    rules: Rules,
    similarity: Similarity,
    in_time: Callable[[], bool] = lambda: True,
) -> Done:
    """Write the missing texts of one shard again, check and commit them.

    `missing` comes from `shards_of`, `rules` are those of the first pass. `in_time` is asked before each
    batch of items; once it says no, the rest is left to the next run.
    """
    writer = Writer.of_shard(warehouse, settings, engine, rewrite_rules(rules, settings), missing)
    texts = rewrite_texts(missing, writer, similarity, in_time)
    if texts.height:
        spool = Spool(warehouse)
        digest = fingerprint(texts.select(TEXT_ID, "status", "rules"))
        spool.commit(spool.write("rewriting", "", key, digest, "features.texts", texts))
    new = [place not in writer.drafts for place in texts.select(KEYS).iter_rows()]
    return Done(texts, texts.filter(pl.Series(new, dtype=pl.Boolean)))


def make_live(warehouse: Warehouse, settings: Settings, rules: Rules, wanted: pl.DataFrame) -> pl.DataFrame:
    """Point every wanted (item, slot) at its first text or, where that is kept, at the one made of it.

    Returns the live texts: item_id, slot, text_id, n_tokens, whole_sentence.
    """
    columns = [ITEM, SLOT, TEXT_ID, "n_tokens", "whole_sentence"]
    live = _first_texts(warehouse, rules, wanted).select(columns)
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


def rewrite_texts(
    missing: pl.DataFrame,
    writer: Writer,
    similarity: Similarity,
    in_time: Callable[[], bool] = lambda: True,
) -> pl.DataFrame:
    """Write the texts of items again and check them; returns rows of features.texts.

    A name that only first texts hold, where their threshold let it pass, is as invented as before: all names
    must be the item's. The writer's rules are `rewrite_rules`; what `in_time` leaves over stays missing.
    """
    quality = writer.corpus.quality
    strict = quality.model_copy(update={"min_faithfulness": float(quality.min_faithfulness > 0)})
    writer = replace(writer, corpus=writer.corpus.model_copy(update={"quality": strict}))
    by_item: dict[str, list[Row]] = {}
    for row in writer.in_order(missing):
        by_item.setdefault(row[ITEM], []).append(row)
    rows: list[Row] = []
    for batch in batches(list(by_item.values()), writer.corpus.batch_items):
        if not in_time():
            break
        rows += _rewritten(batch, writer, similarity)
    return pl.DataFrame(rows, schema=ROWS, orient="row").sort(ITEM, SLOT)


def _rewritten(of_items: Sequence[list[Row]], writer: Writer, similarity: Similarity) -> list[Row]:
    """Rows of some items, each with all that is wanted of it."""
    wanted = [row for rows in of_items for row in rows]
    quoted = {rows[0][ITEM]: [row["first_text"] for row in rows] for rows in of_items}
    tried = writer.attempt(wanted, REWRITE, quoted)
    items = [writer.items[row[ITEM]] for row in wanted]
    new = similarity.vectors([made["text"] for made, _ in tried], items)
    old = similarity.vectors([row["first_text"] for row in wanted], items)
    ranks = similarity.ranks(new, [row[ITEM] for row in wanted])
    for made, verdict in tried:
        if verdict.fault:
            made.update(status="rejected", reason=verdict.fault)
    start = 0
    for rows in of_items:
        places = range(start, start + len(rows))
        start = places.stop
        good = [place for place in places if tried[place][1].good]
        decided = replacements(
            old[places.start : places.stop],
            {place - places.start: new[place] for place in good},
            {place - places.start: ranks[place] for place in good},
            writer.corpus.rewrite.max_item_rank,
        )
        for at, (kept, reason) in decided.items():
            tried[places[at]][0].update(status="ok" if kept else "rejected", reason=reason)
    return [made for made, _ in tried]


def _first_texts(warehouse: Warehouse, rules: Rules, wanted: pl.DataFrame) -> pl.DataFrame:
    """The text of the first pass that stands in each place, of rows of `wanted_texts`."""
    return chosen_texts(wanted, standing_texts(warehouse.query("known_texts"), rules.digest))
