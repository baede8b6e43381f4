"""Accuracy of lists against what users went on to choose, besides NDCG (which is in tasks.metrics.ranking).

Every function takes hits (U, k) bool, whether the item at each rank is relevant, and n_relevant (U,), and
gives (U,) float64, NaN for a user without relevant items. A list shorter than k is padded with misses.
"""

import numpy as np

from tasks.metrics.ranking import Codes, Flags, Floats


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
