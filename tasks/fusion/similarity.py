"""How alike items are, for re-ranking: half by what their texts say, half by the categories they share."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from tasks.arrays.types import Positions
from tasks.arrays.vectors import centred, unit

TABLE_ITEMS = 4096  # up to so many items, all similarities are kept: 64 MB
# Chosen on validation (docs/experiments.md): the same NDCG with lists more varied, each and all together.
CATEGORY_SHARE = 0.5
CATEGORY_DIMENSIONS = 128  # of more categories, random projections take the place: a cosine is off by 0.09


def mean_text_vectors(text_vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, D) unit norm: mean of each item's text vectors (N, K, D), zero rows where a text is missing.

    They are centred on the catalogue; zero without a text.
    """
    return centred(text_vectors.mean(axis=1))


def with_categories(
    vectors: NDArray[np.float32], categories: NDArray[np.bool_], share: float = CATEGORY_SHARE
) -> NDArray[np.float32]:
    """(N, D + C') unit norm, whose cosines are a mean of the vectors' and the categories' own.

    What an item lacks does not count for it. Where nothing has categories, the vectors stay what they are.

    Args:
        vectors: (N, D) unit norm; zero where there is none.
        categories: (N, C) bool. The cosine of two items' is how many they share, over the
            geometric mean of how many each has.
        share: of the categories, from 0 to 1.
    """
    if not categories.any():
        return vectors
    flags = sparse.csr_array(categories, dtype=np.float32)
    if categories.shape[1] > CATEGORY_DIMENSIONS:  # Johnson and Lindenstrauss 1984; Achlioptas 2003
        signs = np.random.default_rng(0).choice([-1, 1], (categories.shape[1], CATEGORY_DIMENSIONS))
        of_categories = flags @ signs.astype(np.float32)
    else:
        of_categories = flags.toarray()
    parts = np.float32(1 - share) ** 0.5 * vectors, np.float32(share) ** 0.5 * unit(of_categories)
    return unit(np.concatenate(parts, axis=1, dtype=np.float32))


class ItemSimilarity:
    """Cosine similarity between items, by code; items without a vector are similar to nothing."""

    @classmethod
    def of(
        cls, vectors: NDArray[np.float32], categories: NDArray[np.bool_], table_items: int = TABLE_ITEMS
    ) -> "ItemSimilarity":
        """By texts' mean vectors (N, D) and categories (N, C): see `with_categories`."""
        return cls(with_categories(vectors, categories), table_items)

    def __init__(self, vectors: NDArray[np.float32], table_items: int = TABLE_ITEMS) -> None:
        """Keep vectors (N, D) of unit norm, and all N x N similarities where the catalogue is small."""
        empty = np.zeros((1, vectors.shape[1]), dtype=np.float32)  # row -1: no item
        self._vectors = np.concatenate([vectors, empty])
        self.has_table = len(vectors) <= table_items
        self._table = (self._vectors @ self._vectors.T).ravel() if self.has_table else None

    def to_picked(self, items: NDArray[np.integer]) -> Callable[[Positions], NDArray[np.float32]]:
        """Of items (U, H): a function of picked columns (U,) to similarities (U, H)."""
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
