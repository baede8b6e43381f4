"""Ranking metrics: whether lists hold what users went on to choose, and how high.

Lists are item codes, best first, padded with -1. Metrics take hits (U, k) bool, whether the item at each rank
is relevant, and n_relevant (U,), how many items are, and give (U,) float64, NaN for a user without any.
A list shorter than k is padded with misses.
"""

from typing import cast

import numpy as np
from scipy.sparse import csr_array

from tasks.arrays.types import Codes, Flags, Floats


def shape_of(matrix: csr_array) -> tuple[int, int]:
    """Rows and columns; the attribute's declared type admits None."""
    return cast(tuple[int, int], matrix.shape)


def contains(matrix: csr_array, items: Codes) -> Flags:
    """(U, k) bool: out[u, j] = whether matrix[u, items[u, j]] is set; False where items is -1.

    Args:
        matrix: (U, N), any dtype; a stored entry is set.
        items: (U, k) codes.
    """
    n_users, n_items = shape_of(matrix)
    if items.shape[0] != n_users:
        raise ValueError(f"there are {items.shape[0]} lists for {n_users} users; give one row per user")
    if items.size and items.max() >= n_items:
        raise ValueError(f"item code {items.max()} is outside a catalogue of {n_items} items; use its codes")
    per_user = np.diff(matrix.indptr)
    stored = np.repeat(np.arange(n_users), per_user) * n_items + matrix.indices
    if stored.size == 0:
        return np.zeros(items.shape, dtype=bool)
    if not matrix.has_sorted_indices:
        stored = np.sort(stored)
    wanted = np.arange(n_users)[:, None] * n_items + items  # (U, k)
    at = np.minimum(np.searchsorted(stored, wanted), stored.size - 1)
    return (stored[at] == wanted) & (items >= 0)


def ndcg(hits: Flags, n_relevant: Codes) -> Floats:
    """(U,) normalised discounted cumulative gain (Järvelin & Kekäläinen 2002).

    DCG = sum of 1 / log2(rank + 1) over hits; the ideal puts min(k, relevant) hits first.

    >>> ndcg(np.array([[True, False, True]]), np.array([2])).round(4)  # (1 + 1/2) / (1 + 1/log2(3))
    array([0.9197])
    """
    discount = 1.0 / np.log2(np.arange(2, hits.shape[1] + 2))  # (k,)
    gained = np.where(hits, discount, 0.0).sum(axis=1)
    ideal = np.concatenate([[np.nan], np.cumsum(discount)])  # NaN: without relevant items there is no NDCG
    return gained / ideal[np.minimum(n_relevant, hits.shape[1])]


def recall(hits: Flags, n_relevant: Codes) -> Floats:
    """Hits / relevant items.

    >>> recall(np.array([[True, False, True]]), np.array([4]))
    array([0.5])
    """
    return _per_relevant(hits.sum(axis=1), n_relevant)


def precision(hits: Flags, n_relevant: Codes) -> Floats:
    """Hits / k, also for a list shorter than k.

    >>> precision(np.array([[True, False, True, False]]), np.array([2]))
    array([0.5])
    """
    return _where_relevant(np.asarray(hits.mean(axis=1)), n_relevant)


def hit_rate(hits: Flags, n_relevant: Codes) -> Floats:
    """1 when the list has a hit, else 0.

    >>> hit_rate(np.array([[False, True], [False, False]]), np.array([1, 1]))
    array([1., 0.])
    """
    return _where_relevant(np.asarray(hits.any(axis=1), dtype=np.float64), n_relevant)


def mrr(hits: Flags, n_relevant: Codes) -> Floats:
    """1 / rank of the first hit, 0 without one.

    >>> mrr(np.array([[False, True, True], [False, False, False]]), np.array([2, 1]))
    array([0.5, 0. ])
    """
    first = hits.argmax(axis=1) + 1
    return _where_relevant(np.where(hits.any(axis=1), 1.0 / first, 0.0), n_relevant)


def average_precision(hits: Flags, n_relevant: Codes) -> Floats:
    """Sum of precision@rank over the hits / relevant items; its mean over users is MAP.

    >>> average_precision(np.array([[True, False, True]]), np.array([2])).round(4)  # (1/1 + 2/3) / 2
    array([0.8333])
    """
    at_rank = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return _per_relevant(np.where(hits, at_rank, 0.0).sum(axis=1), n_relevant)


def _per_relevant(values: Floats, n_relevant: Codes) -> Floats:
    return np.divide(values, n_relevant, out=np.full(len(values), np.nan), where=n_relevant > 0)


def _where_relevant(values: Floats, n_relevant: Codes) -> Floats:
    return np.where(n_relevant > 0, values, np.nan)


def mean_defined(values: Floats) -> float:
    """Mean of what is not NaN; NaN when nothing is defined.

    >>> mean_defined(np.array([1.0, np.nan, 2.0]))
    1.5
    """
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
