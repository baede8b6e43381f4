"""Maximal marginal relevance (Carbonell & Goldstein 1998): good items that differ from those above them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tasks.measures import Flags, Floats
from tasks.vectors import centred

HEAD = 100
TABLE_ITEMS = 4096  # up to so many items, all similarities are kept: 64 MB
BLOCK_USERS = 256  # beyond, similarities of a head are made for so many users at once: 10 MB

Positions = NDArray[np.int64]


def mean_text_vectors(text_vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, D) unit norm: mean of each item's K text vectors, centred on the catalogue; zero without a text.

    Args:
        text_vectors: (N, K, D); zero rows where a text is missing.
    """
    return centred(text_vectors.mean(axis=1))


class ItemSimilarity:
    """Cosine similarity between items, by code; items without a vector are similar to nothing."""

    def __init__(self, vectors: NDArray[np.float32], table_items: int = TABLE_ITEMS) -> None:
        """Keep vectors (N, D) of unit norm, and all N x N similarities where the catalogue is small."""
        empty = np.zeros((1, vectors.shape[1]), dtype=np.float32)  # row -1: no item
        self._vectors = np.concatenate([vectors, empty])
        self.has_table = len(vectors) <= table_items
        self._table = (self._vectors @ self._vectors.T).ravel() if self.has_table else None

    def to_picked(self, items: NDArray[np.integer]) -> Callable[[Positions], NDArray[np.float32]]:
        """A function of picked columns (U,) that gives (U, H): similarity of items[u] to items[u, picked[u]].

        Args:
            items: (U, H) codes; -1 is no item.
        """
        rows = np.arange(len(items))
        if self._table is not None:
            table, width = self._table, len(self._vectors)
            columns = np.where(items < 0, width - 1, items).astype(np.int64)
            return lambda picked: table.take(columns[rows, picked, None] * width + columns)
        of_head = self._vectors[items]  # (U, H, D)
        local = of_head @ of_head.transpose(0, 2, 1)  # (U, H, H)
        return lambda picked: local[rows, picked]


def by_score(scores: Floats, k: int) -> Positions:
    """(U, k) positions of the highest scores, best first, ties by position; -1 where there are fewer.

    Args:
        scores: (U, C); -inf where there is no item.
        k: how many.
    """
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    order = np.where(np.isneginf(np.take_along_axis(scores, order, axis=1)), -1, order)
    return np.pad(order, ((0, 0), (0, k - order.shape[1])), constant_values=-1)


def mmr(
    scores: Floats,
    items: NDArray[np.integer],
    similarity: ItemSimilarity,
    diversity: float,
    k: int,
    head: int = HEAD,
) -> Positions:
    """(U, k) positions in (U, C), best first; -1 where a user has fewer candidates.

    Each next item has the highest (1 - diversity) * relevance - diversity * (highest similarity to those
    above it). Relevance is the score scaled to 0..1 over the user's best `head` candidates, so that the dial
    means the same for everyone. Only those candidates are moved; further ones follow by score. So the first
    items of a list do not depend on its length, and diversity 0 is the order by score.

    Args:
        scores: (U, C) fused scores; -inf where there is no item.
        items: (U, C) codes.
        similarity: of the catalogue's items.
        diversity: 0 to 1.
        k: length of the lists.
        head: how many of the best candidates are re-ranked.
    """
    if not 0 <= diversity <= 1:
        raise ValueError(f"diversity must be between 0 and 1, got {diversity}; 0 orders by score alone")
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}; ask for a list of one or more items")
    if diversity == 0:
        return by_score(scores, k)
    best = by_score(scores, max(k, head))
    block = len(best) if similarity.has_table else BLOCK_USERS
    for start in range(0, len(best), max(block, 1)):
        rows = slice(start, start + block)
        best[rows, :head] = _rerank(scores[rows], items[rows], best[rows, :head], similarity, diversity, k)
    return best[:, :k]


def _rerank(
    scores: Floats,
    items: NDArray[np.integer],
    best: Positions,
    similarity: ItemSimilarity,
    diversity: float,
    k: int,
) -> Positions:
    """(U, H): the positions `best` (U, H), of which the first k are put in their new order."""
    n_users, head = best.shape
    present = best >= 0
    top_scores = np.take_along_axis(scores, best, axis=1)  # (U, H); what -1 gives is masked
    top_items = np.where(present, np.take_along_axis(items, best, axis=1), -1)
    relevance = _scaled(top_scores, present)
    similar_to = similarity.to_picked(top_items)

    rows = np.arange(n_users)
    gain = np.where(present, (1 - diversity) * relevance, -np.inf).astype(np.float32)
    order = np.tile(np.arange(head), (n_users, 1))
    closest = np.full((n_users, head), -np.inf, dtype=np.float32)
    value = gain
    for place in range(min(k, head)):
        picked = value.argmax(axis=1)  # of equal ones the first: the one with the higher score
        # A user who has run out keeps -1: every place left is an absent one.
        ran_out = np.isneginf(value[rows, picked])
        order[:, place] = np.where(ran_out, head - 1, picked)
        gain[rows, picked] = -np.inf
        np.maximum(closest, similar_to(picked), out=closest)
        value = gain - np.float32(diversity) * closest
    out = np.full(best.shape, -1, dtype=np.int64)
    length = min(k, head)
    out[:, :length] = np.take_along_axis(best, order[:, :length], axis=1)
    return out


def _scaled(scores: Floats, present: Flags) -> Floats:
    """(U, H): scores scaled to 0..1 over each row's present ones; all 0 where they are equal."""
    low = np.where(present, scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    high = np.where(present, scores, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    span = high - low
    return np.divide(scores - low, span, out=np.zeros(scores.shape), where=present & (span > 0))
