"""Vectors of texts that are tried, not kept: other versions, parts of what is live, controls."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from tasks.arrays.codes import codes
from tasks.arrays.text_spread import distances
from tasks.arrays.types import Floats, Vectors
from tasks.items.item import items_of
from tasks.models.encoder import Encode
from warehouse.columns import CONTENT, ITEM, SLOT, TEXT_ID


def text_vectors(
    texts: pl.DataFrame,
    items: pl.DataFrame,
    words: int,
    encode: Encode,
    known: Mapping[str, Vectors] | None = None,
) -> Vectors:
    """(N, K, D): out[n, k] = the vector of item n's text in the k-th slot there is; zero without one.

    Args:
        texts: item_id, slot, text and, where it has one, text_id.
        items: the N items with their content, sorted by id.
        words: of description and declared columns that are encoded with a text.
        encode: called once, with what is not known.
        known: text_id to the (D,) vector that need not be made again.
    """
    known = known or {}
    rows = texts.join(items.select(ITEM, *CONTENT), on=ITEM, how="inner", maintain_order="left")
    ids = rows[TEXT_ID].to_list() if TEXT_ID in rows.columns else [""] * rows.height
    about = zip(items_of(rows), rows["text"], strict=True)
    contents = [item.content_with(text, words) for item, text in about]
    pending = {content for text_id, content in zip(ids, contents, strict=True) if text_id not in known}
    # Like lengths lie side by side, so that a batch is padded little.
    ordered = sorted(pending, key=lambda content: (len(content), content))
    encoded = encode(ordered)
    place = {content: row for row, content in enumerate(ordered)}
    slots = {slot: k for k, slot in enumerate(texts[SLOT].unique().sort())}
    item_ids = items[ITEM].to_list()
    out = np.zeros((len(item_ids), max(len(slots), 1), encoded.shape[1]), dtype=np.float32)
    for n, slot, text_id, content in zip(codes(rows[ITEM], item_ids), rows[SLOT], ids, contents, strict=True):
        out[n, slots[slot]] = known[text_id] if text_id in known else encoded[place[content]]
    return out


def content_vectors(items: pl.DataFrame, words: int, encode: Encode) -> Vectors:
    """(N, 1, D): vectors of items without any text. K equal slots would score as one does."""
    return encode([item.content(words) for item in items_of(items)])[:, None]


def item_spread(vectors: Vectors) -> Floats:
    """(N,) mean cosine distance over the pairs of an item's texts; NaN where there are fewer than two.

    A vector of (N, K, D) is zero where there is no text.
    """
    owners, slots = np.nonzero(np.any(vectors != 0, axis=2))
    of_texts = np.nan_to_num(distances(vectors[owners, slots], owners))
    count = np.bincount(owners, minlength=len(vectors))
    sums = np.bincount(owners, of_texts, minlength=len(vectors))
    return np.divide(sums, count, out=np.full(len(vectors), np.nan), where=count > 1)
