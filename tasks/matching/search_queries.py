"""Whose recorded searches are a context to search by, and how much each of them counts."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from tasks.arrays.recency import positions_back, recency_weights
from tasks.matching.training_data import SearchRecords
from tasks.settings.matchers import SearchSettings


class Queries(NamedTuple):
    """The queries that users are matched by."""

    texts: list[str]
    """Q different queries."""
    weights: sparse.csr_matrix
    """(U, Q) float32: what a query counts for a user; a row sums to 1, or is empty."""


def latest_queries(searches: SearchRecords | None, n_users: int, settings: SearchSettings) -> Queries:
    """Take each user's latest different queries, the older the lighter.

    A query that was typed again counts once, at its newest place. Searches of one time weigh alike.
    """
    if searches is None or not len(searches.user):
        return Queries([], sparse.csr_matrix((n_users, 0), dtype=np.float32))
    back = positions_back(searches.user, searches.time)
    asked = np.array([" ".join(query.split()) for query in searches.query], dtype=object)
    kept = (back < settings.latest_searches) & (asked != "")
    texts, column = np.unique(asked[kept].astype(str), return_inverse=True)
    user, weight = searches.user[kept], recency_weights(back[kept], settings.half_life_searches)
    cell = user * max(len(texts), 1) + column
    order = np.lexsort((-weight, cell))
    first = order[np.unique(cell[order], return_index=True)[1]]
    user, column, weight = user[first], column[first], weight[first]
    total = np.bincount(user, weight, n_users)
    values = (weight / total[user]).astype(np.float32)
    return Queries(texts.tolist(), sparse.csr_matrix((values, (user, column)), shape=(n_users, len(texts))))
