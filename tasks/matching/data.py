"""A fit window's tables as arrays."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.arrays.codes import category_matrix, codes, text_tensor
from tasks.items.item import items_of
from tasks.items.recommendable import recommendable_items
from tasks.matching.contract import TrainingData
from tasks.matching.relevance_labels import read_judgements
from tasks.matching.training_data import Judgements, Names, Searches
from tasks.run.fingerprint import fingerprint
from tasks.settings import Settings
from warehouse.columns import (
    ALL,
    HISTORY_OF_FIT,
    INTEREST,
    ITEM,
    PART,
    PARTS_OF_FIT,
    SLOT,
    TEXT_ID,
    TIME,
    USER,
    VALUE,
    VECTOR,
)
from warehouse.connection import Warehouse
from warehouse.spool import Spool


@dataclass(frozen=True)
class Fit:
    """What matchers are fitted on, and the external names of its codes."""

    data: TrainingData
    user_ids: list[str]
    item_ids: list[str]
    text_ids: list[list[str | None]]
    """text_ids[n][k]: the text in slot k of item n."""


def read_fit(warehouse: Warehouse, settings: Settings, fit: str) -> tuple[Fit, NDArray[np.bool_], str]:
    """A window's arrays, which items may be recommended, and the hash of all of that."""
    users, items = warehouse.query("users"), warehouse.query("items")
    parts = list(HISTORY_OF_FIT[fit])
    events = warehouse.query("fit_interactions", protocol=settings.data.protocol, parts=parts)
    texts, interests = warehouse.query("live_text_vectors"), warehouse.query("user_vectors", fit=fit)
    item_vectors = warehouse.query("item_vectors")
    searches = warehouse.query(
        "fit_searches", protocol=settings.data.protocol, parts=parts, everything=fit == ALL
    )
    judgements = read_judgements(warehouse, settings.matching)
    recommendable = recommendable_items(warehouse, settings, fit)
    digest = fingerprint(
        users.select(USER),
        items.select(ITEM).filter(recommendable),
        items.select(ITEM, "content_hash"),
        events,
        texts.select(ITEM, SLOT, "content_hash"),
        item_vectors.select(ITEM, "content_hash"),
        searches,
        *([] if judgements is None else [judgements]),
        Spool(warehouse).done("embedding", fit),
        settings.embedding.encoder,
        settings.seed,
    )
    words = warehouse.query("live_texts")
    learned = PARTS_OF_FIT[fit]
    vectors = texts, interests, item_vectors
    window = fit_window(
        users, items, events, *vectors, words, settings.seed, learned, searches, fit, judgements
    )
    return window, recommendable, digest


def fit_window(
    users: pl.DataFrame,
    items: pl.DataFrame,
    events: pl.DataFrame,
    texts: pl.DataFrame,
    interests: pl.DataFrame,
    item_vectors: pl.DataFrame,
    words: pl.DataFrame,
    seed: int,
    learned_parts: Sequence[str] | None = None,
    searches: pl.DataFrame | None = None,
    fit: str = "",
    judgements: pl.DataFrame | None = None,
) -> Fit:
    """Lay tables out as arrays.

    Args:
        users: user_id, sorted.
        items: item_id, title, year, categories and description, sorted by id.
        events: user_id, item_id, value, event_time of the window, by user and time.
        texts: item_id, slot, text_id, vector of live texts.
        interests: user_id, interest, vector of the window.
        item_vectors: item_id, vector of items' own content.
        words: item_id, slot, text of live texts.
        seed: of the run.
        learned_parts: events of other parts (their column `part`) are known, but not learned from.
        searches: user_id, query, event_time of the window, by user and time.
        fit: the window's name.
        judgements: user_id, item_id, text_id, context, relevance, of a language model; None without.
    """
    user_ids, item_ids = users[USER].to_list(), items[ITEM].to_list()
    text_vectors = text_tensor(texts, item_ids)
    text_ids: list[list[str | None]] = [[None] * text_vectors.shape[1] for _ in item_ids]
    for item, slot, text_id in zip(codes(texts[ITEM], item_ids), texts[SLOT], texts[TEXT_ID], strict=True):
        text_ids[item][slot] = text_id
    most = int(interests[INTEREST].max() or 0) + 1 if interests.height else 1  # type: ignore[arg-type]
    user_vectors = np.zeros((len(user_ids), most, text_vectors.shape[2]), dtype=np.float32)
    user_vectors[codes(interests[USER], user_ids), interests[INTEREST].to_numpy()] = interests[
        VECTOR
    ].to_numpy()
    by_item = np.zeros((len(item_ids), text_vectors.shape[2]), dtype=np.float32)
    by_item[codes(item_vectors[ITEM], item_ids)] = item_vectors[VECTOR].to_numpy()
    data = TrainingData(
        n_users=len(user_ids),
        n_items=len(item_ids),
        user=codes(events[USER], user_ids),
        item=codes(events[ITEM], item_ids),
        value=events[VALUE].to_numpy().astype(np.float32),
        time=events[TIME].to_numpy(),
        text_vectors=text_vectors,
        interests=user_vectors,
        item_vectors=by_item,
        categories=category_matrix(items["categories"].to_list())[0],
        seed=seed,
        given=None if learned_parts is None else ~events[PART].is_in(list(learned_parts)).to_numpy(),
        names=_names(user_ids, items, words, text_vectors.shape[1]),
        searches=_searches(searches, user_ids),
        fit=fit,
        judgements=None if judgements is None else judgements_of(judgements, text_ids, item_ids),
    )
    return Fit(data, user_ids, item_ids, text_ids)


def _searches(searches: pl.DataFrame | None, user_ids: Sequence[str]) -> Searches | None:
    """Searches by user code; None when there are none."""
    if searches is None or searches.is_empty():
        return None
    return Searches(
        codes(searches[USER], user_ids),
        searches["query"].to_list(),
        searches[TIME].to_numpy().astype(np.int64),
    )


def _names(user_ids: Sequence[str], items: pl.DataFrame, words: pl.DataFrame, n_slots: int) -> Names:
    """Ids and words by code."""
    item_ids = items[ITEM].to_list()
    texts: list[list[str | None]] = [[None] * n_slots for _ in item_ids]
    for item, slot, text in zip(codes(words[ITEM], item_ids), words[SLOT], words["text"], strict=True):
        if slot < n_slots:  # a live text that has no vector yet is in no slot
            texts[item][slot] = text
    return Names(
        user_ids=user_ids,
        item_ids=item_ids,
        titles=[item.titled for item in items_of(items)],
        descriptions=items["description"].fill_null("").to_list(),
        texts=texts,
        categories=items["categories"].to_list(),
    )


def judgements_of(
    rows: pl.DataFrame, text_ids: Sequence[Sequence[str | None]], item_ids: Sequence[str]
) -> Judgements:
    """Judgements by code; those of texts that are no longer live are left out.

    Args:
        rows: text_id, context (a JSON array of item ids), relevance.
        text_ids: text_ids[n][k] is the text in slot k of item n.
        item_ids: N ids, sorted.
    """
    places = [(text, n, k) for n, of_item in enumerate(text_ids) for k, text in enumerate(of_item) if text]
    live = pl.DataFrame(places, schema={TEXT_ID: pl.String, "item": pl.Int64, "slot": pl.Int64}, orient="row")
    judged = rows.join(live.rename({"slot": "place"}), on=TEXT_ID, maintain_order="left")
    code = {item_id: number for number, item_id in enumerate(item_ids)}
    told = judged["context"].unique().sort()
    contexts = [[code[item] for item in json.loads(one) if item in code] for one in told]
    context = np.full((len(told), max(map(len, contexts), default=1)), -1, dtype=np.int64)
    for row, items in enumerate(contexts):
        context[row, context.shape[1] - len(items) :] = items
    group = {one: row for row, one in enumerate(told)}
    return Judgements(
        context=context,
        group=np.array([group[one] for one in judged["context"]], dtype=np.int64),
        item=judged["item"].to_numpy(),
        slot=judged["place"].to_numpy(),
        value=judged["relevance"].cast(pl.Float32).to_numpy(),
    )
