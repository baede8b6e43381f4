"""The measures that choosing and reporting share, so that a search optimises what a report prints.

Stages do not import one another: the weight search and the evaluator both take these from here.
Lists are dense item codes, best first, padded with -1. A value that is not defined is NaN.
"""

from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.integer]


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

    Args:
        hits: (U, k), whether the item at each rank is relevant.
        n_relevant: (U,) relevant items of each user, in a list or not.
    """
    discount = 1.0 / np.log2(np.arange(2, hits.shape[1] + 2))  # (k,)
    gained = np.where(hits, discount, 0.0).sum(axis=1)
    ideal = np.concatenate([[np.nan], np.cumsum(discount)])  # NaN: without relevant items there is no NDCG
    return gained / ideal[np.minimum(n_relevant, hits.shape[1])]


def ild(items: Codes, categories: Flags) -> Floats:
    """(U,) intra-list diversity: mean of 1 - Jaccard of category sets over the pairs of a list.

    Two items without any category count as equal. A list of fewer than two items has no pairs: NaN.

    >>> ild(np.array([[0, 1]]), np.array([[True, True], [True, False]]))
    array([0.5])

    Args:
        items: (U, k) codes.
        categories: (N, C), the category set of each item.
    """
    present = items >= 0
    padded = np.vstack([categories, np.zeros((1, categories.shape[1]), dtype=bool)])  # row -1: no item
    chosen = padded[items].astype(np.float32)  # (U, k, C)
    shared = (chosen @ chosen.transpose(0, 2, 1)).astype(
        np.float64
    )  # (U, k, k), whole numbers: exact in float32
    size = chosen.sum(axis=2)
    union = size[:, :, None] + size[:, None, :] - shared
    distance = 1.0 - np.divide(shared, union, out=np.ones(union.shape), where=union > 0)
    return mean_over_pairs(distance, present)


def category_shares(categories: Flags) -> Floats:
    """(N, C) float64: each item's categories, in equal shares that add up to 1 (or to 0 without any)."""
    n_categories = categories.sum(axis=1, keepdims=True)
    return np.divide(categories, n_categories, out=np.zeros(categories.shape), where=n_categories > 0)


def effective_catalogue(counts: Floats) -> Floats:
    """exp(entropy of the exposure shares) / items in the catalogue; 0 when nothing is shown.

    It is the share of the catalogue that would be used if what is used were used evenly.

    >>> float(effective_catalogue(np.array([5, 5, 0, 0])))
    0.5
    """
    total = counts.sum(axis=-1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    logarithm = np.log(share, out=np.zeros(share.shape), where=share > 0)
    entropy = -(share * logarithm).sum(axis=-1)
    return np.where(total[..., 0] > 0, np.exp(entropy) / counts.shape[-1], 0.0)


def mean_over_pairs(values: Floats, present: Flags) -> Floats:
    """(U,) mean of values (U, k, k) over the pairs i < j of which both are present; NaN without a pair."""
    first, second = np.triu_indices(present.shape[1], k=1)
    pairs = present[:, first] & present[:, second]  # (U, P)
    n_pairs = pairs.sum(axis=1)
    total = np.where(pairs, values[:, first, second], 0.0).sum(axis=1)
    return np.divide(total, n_pairs, out=np.full(len(total), np.nan), where=n_pairs > 0)


def mean_defined(values: Floats) -> float:
    """Mean of what is not NaN; NaN when nothing is defined.

    >>> mean_defined(np.array([1.0, np.nan, 2.0]))
    1.5
    """
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
