"""When to stop training: by lists against the newest events of the window, which are set aside."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from tasks.matching.contract import FloatArray, IntArray, TrainingData
from tasks.matching.retrieve import top_items
from tasks.metrics.ranking import contains, mean_defined, ndcg

SHARE = 10  # one event in so many is set aside
LENGTH = 10
USERS_AT_ONCE = 256


def set_aside(data: TrainingData) -> tuple[TrainingData, csr_array]:
    """Return the earlier events, and (U, N) bool: the later ones of users who have earlier ones.

    Later are the blocks that begin in the last tenth of each history.
    """
    n_events = np.bincount(data.user, minlength=data.n_users)[data.user]
    later = data.position_back < np.maximum(n_events // SHARE, 1)
    kept = {name: getattr(data, name)[~later] for name in ("user", "item", "value", "time")}
    held = later & np.isin(data.user, kept["user"])
    pairs = np.unique(np.stack([data.user[held], data.item[held]]), axis=1)
    shape = (data.n_users, data.n_items)
    relevant = csr_array((np.ones(pairs.shape[1], dtype=bool), (pairs[0], pairs[1])), shape=shape)
    relevant.sort_indices()
    return replace(data, **kept, given=None), relevant


def ndcg_of(score: Callable[[IntArray], FloatArray], data: TrainingData, relevant: csr_array) -> float:
    """Mean NDCG@10 of the later events (U, N); 0 when there are none.

    `score` gives (B, N) scores of users (B,); what they have among the earlier events `data` is left out.
    """
    n_relevant = np.diff(relevant.indptr)
    users = np.flatnonzero(n_relevant)
    values = [np.zeros(0)]
    for start in range(0, len(users), USERS_AT_ONCE):
        some = users[start : start + USERS_AT_ONCE]
        lists = top_items(score(some), LENGTH, data.seen[some].toarray() == 0)
        values.append(ndcg(contains(relevant[some], lists), n_relevant[some]))
    return mean_defined(np.concatenate(values)) if len(users) else 0.0
