"""How alike items are, for re-ranking: the cosine of their texts' mean vectors."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tasks.vectors import centred

TABLE_ITEMS = 4096  # up to so many items, all similarities are kept: 64 MB

Positions = NDArray[np.int64]
"""Columns of candidates; -1 is none."""


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
        # Threads would wait for one another at every one of these small products.
        with threadpool_limits(limits=1, user_api="blas"):
            local = of_head @ of_head.transpose(0, 2, 1)  # (U, H, H)
        return lambda picked: local[rows, picked]
