"""A fit window's tables as arrays."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from tasks.arrays.codes import category_matrix, codes, interaction_matrix, text_tensor
from tasks.items.item import items_of
from tasks.items.recommendable import recommendable_items
from tasks.matching.relevance_labels import read_relevance
from tasks.matching.training_data import FloatArray, Names, RelevanceLabels, SearchRecords, TrainingData
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
    recommendable: NDArray[np.bool_]
    """(N,) which items lists may hold."""
    digest: str
    """The hash of all of that."""


def read_fit(warehouse: Warehouse, settings: Settings, fit: str) -> Fit:
    """Read a window: all that is known when its lists are made."""
    users, items = warehouse.query("users"), warehouse.query("items")
    parts = list(HISTORY_OF_FIT[fit])
    events = warehouse.query("fit_interactions", protocol=settings.data.protocol, parts=parts)
    texts, interests = warehouse.query("live_text_vectors"), warehouse.query("user_vectors", fit=fit)
    item_vectors, words = warehouse.query("item_vectors"), warehouse.query("live_texts")
    searches = warehouse.query(
        "fit_searches", protocol=settings.data.protocol, parts=parts, everything=fit == ALL
    )
    relevance = read_relevance(warehouse, settings.matching)
    seen_only = warehouse.query("fit_seen_only", parts=parts)
    recommendable = recommendable_items(warehouse, settings, fit)
    digest = fingerprint(
        users.select(USER),
        items.select(ITEM).filter(recommendable),
        items.select(ITEM, "content_hash"),
        events,
        texts.select(ITEM, SLOT, "content_hash"),
        item_vectors.select(ITEM, "content_hash"),
        searches,
        *([] if relevance is None else [relevance]),
        *([seen_only] if seen_only.height else []),
        Spool(warehouse).done("embedding", fit),
        settings.embedding.encoder,
        settings.seed,
    )
    user_ids, item_ids = users[USER].to_list(), items[ITEM].to_list()
    text_vectors = text_tensor(texts, item_ids)  # (N, K, D)
    n_slots, n_dimensions = text_vectors.shape[1:]
    text_ids = _by_slot(texts, TEXT_ID, item_ids, n_slots)
    by_item = np.zeros((len(item_ids), n_dimensions), dtype=np.float32)
    by_item[codes(item_vectors[ITEM], item_ids)] = item_vectors[VECTOR].to_numpy()
    data = TrainingData(
        n_users=len(user_ids),
        n_items=len(item_ids),
        user=codes(events[USER], user_ids),
        item=codes(events[ITEM], item_ids),
        value=events[VALUE].to_numpy().astype(np.float32),
        time=events[TIME].to_numpy(),
        text_vectors=text_vectors,
        interests=_interests(interests, user_ids, n_dimensions),
        item_vectors=by_item,
        categories=category_matrix(items["categories"].to_list())[0],
        seed=settings.seed,
        given=~events[PART].is_in(list(PARTS_OF_FIT[fit])).to_numpy(),
        names=_names(user_ids, items, _by_slot(words, "text", item_ids, n_slots)),
        searches=_searches(searches, user_ids),
        fit=fit,
        relevance_labels=None if relevance is None else relevance_labels_of(relevance, text_ids, item_ids),
        seen_only=_seen_only(seen_only, user_ids, item_ids),
    )
    return Fit(data, user_ids, item_ids, text_ids, recommendable, digest)


def _by_slot(
    rows: pl.DataFrame, column: str, item_ids: Sequence[str], n_slots: int
) -> list[list[str | None]]:
    """Lay a column of live texts out: out[n][k] is of the text in slot k of item n, None without."""
    out: list[list[str | None]] = [[None] * n_slots for _ in item_ids]
    for item, slot, value in zip(codes(rows[ITEM], item_ids), rows[SLOT], rows[column], strict=True):
        if slot < n_slots:  # a live text that has no vector yet is in no slot
            out[item][slot] = value
    return out


def _interests(rows: pl.DataFrame, user_ids: Sequence[str], n_dimensions: int) -> FloatArray:
    """(U, I, D) float32; zeros where a user has fewer interests."""
    most = int(rows[INTEREST].to_numpy().max(initial=0)) + 1
    out = np.zeros((len(user_ids), most, n_dimensions), dtype=np.float32)
    out[codes(rows[USER], user_ids), rows[INTEREST].to_numpy()] = rows[VECTOR].to_numpy()
    return out


def _searches(searches: pl.DataFrame | None, user_ids: Sequence[str]) -> SearchRecords | None:
    """Searches by user code; None when there are none."""
    if searches is None or searches.is_empty():
        return None
    return SearchRecords(
        codes(searches[USER], user_ids),
        searches["query"].to_list(),
        searches[TIME].to_numpy().astype(np.int64),
    )


def _seen_only(
    rows: pl.DataFrame, user_ids: Sequence[str], item_ids: Sequence[str]
) -> sparse.csr_matrix | None:
    """(U, N) float32; None where no row says that something was seen only."""
    if rows.is_empty():
        return None
    return sparse.csr_matrix(interaction_matrix(rows, user_ids, item_ids), dtype=np.float32)


def _names(user_ids: Sequence[str], items: pl.DataFrame, texts: Sequence[Sequence[str | None]]) -> Names:
    """Ids and words by code."""
    return Names(
        user_ids=user_ids,
        item_ids=items[ITEM].to_list(),
        titles=[item.titled for item in items_of(items)],
        descriptions=items["description"].fill_null("").to_list(),
        texts=texts,
        categories=items["categories"].to_list(),
    )


def relevance_labels_of(
    rows: pl.DataFrame, text_ids: Sequence[Sequence[str | None]], item_ids: Sequence[str]
) -> RelevanceLabels:
    """Relevance labels by code; those of texts that are no longer live are left out.

    `rows` are those of `read_relevance`; `text_ids[n][k]` is the text in slot k of item n.
    """
    places = [(text, n, k) for n, of_item in enumerate(text_ids) for k, text in enumerate(of_item) if text]
    live = pl.DataFrame(places, schema={TEXT_ID: pl.String, "item": pl.Int64, "slot": pl.Int64}, orient="row")
    labels = rows.join(live.rename({"slot": "place"}), on=TEXT_ID, maintain_order="left")
    code = {item_id: number for number, item_id in enumerate(item_ids)}
    told = labels["context"].unique().sort()
    contexts = [[code[item] for item in json.loads(one) if item in code] for one in told]
    context = np.full((len(told), max(map(len, contexts), default=1)), -1, dtype=np.int64)
    for row, items in enumerate(contexts):
        context[row, context.shape[1] - len(items) :] = items
    group = {one: row for row, one in enumerate(told)}
    return RelevanceLabels(
        context=context,
        group=np.array([group[one] for one in labels["context"]], dtype=np.int64),
        item=labels["item"].to_numpy(),
        slot=labels["place"].to_numpy(),
        value=labels["relevance"].cast(pl.Float32).to_numpy(),
    )
