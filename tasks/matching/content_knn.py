"""Content kNN: what resembles what a user did, by vectors of items and texts.

The neighbourhood model of Sarwar et al., "Item-based Collaborative Filtering Recommendation Algorithms",
WWW 2001, with content in the place of co-ratings, so that a new item has neighbours before anybody has seen
it.
"""

import numpy as np
from scipy import sparse

from tasks.arrays.recency import rating_weights, recency_weights
from tasks.matching.base import ArrayMatcher, sparse_parts
from tasks.matching.content_vectors import check_text_share, content_vectors
from tasks.matching.contract import (
    FloatArray,
    Parameter,
    TrainingData,
    UserBatch,
    VisitorBatch,
)
from tasks.matching.retrieve import top_items
from tasks.matching.whitening import check_whitening

BLOCK_ITEMS = 256  # similarities of so many items with all others live at once


class ContentKnn(ArrayMatcher):
    """Sum over the history of weight times similarity, over the nearest neighbours of each of its items.

    An event weighs 0.5 ** (position back / half_life_items) times its rating's share of the highest. Items x
    items is kept sparse: `neighbours` similarities a row, those below zero left out.

    Args:
        neighbours: of each item.
        text_share: of a similarity, the part of the texts; the rest is that of items' own vectors.
        half_life_items: an event this many positions back counts half; None weighs all alike.
        whitening: 0 only centres vectors; the nearer to 1, the more alike all their directions vary.
    """

    name = "content_knn"
    reads_texts = True

    def __init__(
        self,
        neighbours: int,
        text_share: float = 0.5,
        half_life_items: float | None = None,
        whitening: float = 0.0,
    ) -> None:
        super().__init__()
        if neighbours < 1:
            raise ValueError(
                f"neighbours must be at least 1, got {neighbours}; set it in [matching.content_knn]"
            )
        self.neighbours = neighbours
        self.text_share = check_text_share(text_share, "content_knn")
        self.half_life_items = half_life_items
        self.whitening = check_whitening(whitening, "content_knn")

    def parameters(self) -> dict[str, Parameter]:
        """Return the arguments that make this matcher again."""
        return {
            "neighbours": self.neighbours,
            "text_share": self.text_share,
            "half_life_items": self.half_life_items,
            "whitening": self.whitening,
        }

    def fit(self, data: TrainingData) -> None:
        """Find every item's neighbours, block by block, and weigh the histories."""
        similar = nearest(content_vectors(data, self.text_share, self.whitening), self.neighbours)
        weight = recency_weights(data.position_back, self.half_life_items) * rating_weights(data.value)
        history = data.weighted(weight)
        self._arrays = {
            "n_users": np.array([data.n_users]),
            **sparse_parts("similar", similar),
            **sparse_parts("history", history),
        }

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32; a user without history scores 0 everywhere."""
        histories = self._sparse("history", self._n_items)
        return self._dense(sparse.csr_matrix(histories[self._known(users.users)]))

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32, every event weighing like one with the highest rating."""
        return self._dense(visitors.history(self._n_items, self.half_life_items))

    def _dense(self, histories: sparse.csr_matrix) -> FloatArray:
        """Score histories (B, N)."""
        scores = sparse.csr_matrix(histories @ self._sparse("similar", self._n_items))
        return np.asarray(scores.toarray(), dtype=np.float32)

    @property
    def _n_items(self) -> int:
        return len(self._array("similar_start")) - 1


def nearest(vectors: FloatArray, n: int) -> sparse.csr_matrix:
    """(N, N) float32: row i holds the cosines of item i with its n nearest others, where above zero.

    Args:
        vectors: (N, D) of unit length; zeros where an item has none.
        n: at least 1.
    """
    n_items = len(vectors)
    width = min(n, max(n_items - 1, 1))
    rows: list[np.ndarray] = []
    columns: list[np.ndarray] = []
    values: list[np.ndarray] = []
    for start in range(0, n_items, BLOCK_ITEMS):
        similarity = vectors[start : start + BLOCK_ITEMS] @ vectors.T  # (b, N)
        allowed = similarity > 0
        own = np.arange(len(similarity))
        allowed[own, start + own] = False
        top = top_items(similarity, width, allowed)  # (b, width), -1 where fewer are above zero
        row, place = np.nonzero(top >= 0)
        rows.append(start + row)
        columns.append(top[row, place])
        values.append(similarity[row, top[row, place]])
    if not rows:
        return sparse.csr_matrix((n_items, n_items), dtype=np.float32)
    cells = (np.concatenate(rows), np.concatenate(columns))
    matrix = sparse.csr_matrix((np.concatenate(values), cells), shape=(n_items, n_items))
    matrix.sort_indices()
    return matrix
