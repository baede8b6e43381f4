"""Content kNN: what resembles what a user did, by vectors of items and texts.

The neighbourhood model of Sarwar et al., "Item-based Collaborative Filtering Recommendation Algorithms",
WWW 2001, with content in the place of co-ratings, so that a new item has neighbours before anybody has seen
it.
"""

import numpy as np
from scipy import sparse

from tasks.arrays.recency import rating_weights
from tasks.matching.base import HistoryMatcher, sparse_parts
from tasks.matching.contract import FloatArray, TrainingData
from tasks.matching.retrieve import top_items
from tasks.matching.whitening import content_vectors
from tasks.settings.matchers import ContentKnnSettings

BLOCK_ITEMS = 256  # similarities of so many items with all others live at once


class ContentKnn(HistoryMatcher[ContentKnnSettings]):
    """Sum over the history of weight times similarity, over the nearest neighbours of each of its items.

    An event weighs 0.5 ** (position back / half_life_items) times its rating's share of the highest, a
    visitor's like one with the highest. Items x items is kept sparse: `neighbours` similarities a row, those
    below zero left out.
    """

    name = "content_knn"
    when_applied = frozenset()  # histories are weighed by ratings, too
    reads_texts = True

    def fit(self, data: TrainingData) -> None:
        """Find every item's neighbours, block by block, and weigh the histories."""
        vectors = content_vectors(data, self.settings.text_share, self.settings.whitening)
        similar = nearest(vectors, self.settings.neighbours)
        self._keep(data, rating_weights(data.value), **sparse_parts("similar", similar))

    def score_histories(self, histories: sparse.csr_matrix) -> FloatArray:
        """Return (B, N) float32."""
        scores = sparse.csr_matrix(sparse.csr_matrix(histories) @ self._sparse("similar", self.n_items))
        return np.asarray(scores.toarray(), dtype=np.float32)


def nearest(vectors: FloatArray, n: int) -> sparse.csr_matrix:
    """(N, N) float32: row i holds the cosines of item i with its n nearest others, where above zero.

    `vectors` (N, D) are of unit length, or zero where an item has none.
    """
    n_items = len(vectors)
    width = min(n, max(n_items - 1, 1))
    cells = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))]
    for start in range(0, n_items, BLOCK_ITEMS):
        similarity = vectors[start : start + BLOCK_ITEMS] @ vectors.T  # (b, N)
        allowed = similarity > 0
        own = np.arange(len(similarity))
        allowed[own, start + own] = False
        top = top_items(similarity, width, allowed)  # (b, width), -1 where fewer are above zero
        row, place = np.nonzero(top >= 0)
        column = top[row, place]
        cells.append((start + row, column, similarity[row, column]))
    row, column, value = map(np.concatenate, zip(*cells, strict=True))
    matrix = sparse.csr_matrix((value, (row, column)), shape=(n_items, n_items))
    matrix.sort_indices()
    return matrix
