"""Running lists of the best items of a block of users."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tasks.matching.contract import FloatArray, IntArray

NO_BAR = np.finfo(np.float32).min  # any score passes, -inf does not
GATHERED = 256  # texts whose vectors are copied at once: they stay in the cache


@dataclass(frozen=True, eq=False)
class TopItems:
    """The best items of a block of users, best first, equal scores by lower code.

    Args:
        start: row of the first user of the block.
        scores: (B, m) float32; -inf where there are fewer.
        items: (B, m) int64 codes; -1 where there are fewer.
    """

    start: int
    scores: FloatArray
    items: IntArray


class Best:
    """The best items so far, and the bar: what an item must score to matter.

    A bar from elsewhere may be an estimate: see `missed`.
    """

    def __init__(self, n_users: int, m: int) -> None:
        self.scores = np.full((n_users, m), -np.inf, dtype=np.float32)
        self.items = np.full((n_users, m), np.iinfo(np.int64).max)
        self.bar = np.full(n_users, NO_BAR)

    def raise_bar(self, bar: FloatArray) -> None:
        """Take a bar (B,) from elsewhere: m items are likely to score so much."""
        np.maximum(self.bar, bar, out=self.bar)

    def missed(self) -> IntArray:
        """Rows of users whose bar turned out too high when all was seen: fewer than m items reach it."""
        return np.flatnonzero((self.bar > NO_BAR) & (self.scores[:, -1] < self.bar))

    def take(self, rows: IntArray, other: "Best") -> None:
        """Take what was found for some users in place of one's own."""
        for name in ("scores", "items", "bar"):
            getattr(self, name)[rows] = getattr(other, name)

    def add(self, user: IntArray, text: IntArray, n_slots: int, score: FloatArray) -> None:
        """Take scored texts in, (P,) item * n_slots + slot; all texts of an item must come in one call."""
        kept = score >= self.bar[user]
        user, score = user[kept], score[kept]
        item = text[kept] // n_slots
        if not len(user):
            return
        order = np.lexsort((-score, item, user))  # of an item's texts the best first
        user, item, score = user[order], item[order], score[order]
        first = np.ones(len(user), dtype=bool)
        first[1:] = (user[1:] != user[:-1]) | (item[1:] != item[:-1])
        user, item, score = user[first], item[first], score[first]
        rows, starts, counts = np.unique(user, return_index=True, return_counts=True)
        row = np.repeat(np.arange(len(rows)), counts)
        m = self.scores.shape[1]
        column = m + np.arange(len(user)) - starts[row]
        width = (len(rows), m + int(counts.max()))
        scores = np.full(width, -np.inf, dtype=np.float32)
        items = np.full(width, np.iinfo(np.int64).max)
        scores[:, :m], items[:, :m] = self.scores[rows], self.items[rows]
        scores[row, column], items[row, column] = score, item
        best = np.lexsort((items, -scores), axis=1)[:, :m]
        self.scores[rows] = np.take_along_axis(scores, best, axis=1)
        self.items[rows] = np.take_along_axis(items, best, axis=1)
        self.raise_bar(self.scores[:, -1])

    def top(self, start: int) -> TopItems:
        """Return what was found, for a block whose first user has this row."""
        return TopItems(start, self.scores, np.where(self.scores > -np.inf, self.items, -1))


def nothing_to_match(
    top: TopItems,
    rows: IntArray,
    n_users: int,
    n_items: int,
    hidden: sparse.csr_matrix | None,
    allowed: NDArray[np.bool_] | None,
) -> TopItems:
    """Add users without interests, for whom every item scores 0: they get the first items by code.

    `top` is of the users that have interests, the `rows` (A,) of the block; `hidden` (B, N) and `allowed`
    (N,) are those of `BlockedTexts.blocks`.
    """
    m = top.items.shape[1]
    scores = np.full((n_users, m), -np.inf, dtype=np.float32)
    items = np.full((n_users, m), -1)
    scores[rows], items[rows] = top.scores, top.items
    codes = np.arange(n_items) if allowed is None else np.flatnonzero(allowed)
    for row in np.setdiff1d(np.arange(n_users), rows):
        own = codes if hidden is None else np.setdiff1d(codes, hidden[row].indices, assume_unique=True)
        own = own[:m]
        scores[row, : len(own)], items[row, : len(own)] = 0, own
    return TopItems(top.start, scores, items)


def products_of(texts: FloatArray, text: IntArray, queries: FloatArray, query: IntArray) -> FloatArray:
    """Return (P,) float32: the products of texts with queries, whatever else is computed beside them.

    `text` (P,) is item * K + slot in texts (N, K, D), `query` (P,) a row of queries (Q, D).
    """
    flat = texts.reshape(-1, texts.shape[2])
    out = np.empty(len(text), dtype=np.float32)
    for at in range(0, len(text), GATHERED):
        part = slice(at, at + GATHERED)
        # Not BLAS: its sums depend on how many rows there are, and equal texts must score the same. `clip`,
        # since `take` is slower where it looks for places that are out of range.
        vectors, asked = (
            array.take(at, axis=0, mode="clip") for array, at in ((flat, text[part]), (queries, query[part]))
        )
        np.einsum("pd,pd->p", vectors, asked, out=out[part])
    return out
