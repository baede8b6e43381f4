"""Temporal co-occurrence: how near each other two items lie in histories."""

import numpy as np
from numpy.typing import NDArray

from tasks.arrays.recency import reach, recency_weights
from tasks.matching.training_data import TrainingData, newest_of_each
from tasks.matching.training_prefixes import ranges

PAIRS_AT_ONCE = 2_000_000


def co_occurrences(data: TrainingData, half_life_items: float) -> NDArray[np.float64]:
    """(N, N) symmetric: out[i, j] is the sum over users of 0.5 ** (d / half_life_items).

    d is the number of positions between a user's events with i and j; of repeated events the newest counts.
    Events of one time count as one user, so out[i, i] is how many users have item i, and an endless half-life
    would give X'X. The cost grows with events, not with the square of a history's length.
    """
    out = np.zeros(data.n_items * data.n_items)
    kept = newest_of_each(data.user * data.n_items + data.item)
    user, item, back = data.user[kept], data.item[kept], data.position_back[kept]
    far = reach(half_life_items)
    # Ascends, and users lie too far apart to meet.
    place = user * (2 * far + int(back.max(initial=0)) + 1) - back
    first = np.searchsorted(place, place - far, side="left")
    last = np.searchsorted(place, place + far, side="right")
    pairs = np.concatenate([[0], np.cumsum(last - first)])
    start = 0
    while start < len(place):
        stop = int(np.searchsorted(pairs, pairs[start] + PAIRS_AT_ONCE, side="right")) - 1
        stop = max(stop, start + 1)
        row, event = ranges(first[start:stop], last[start:stop])
        row += start
        weight = recency_weights(np.abs(place[row] - place[event]), half_life_items)
        np.add.at(out, item[row] * data.n_items + item[event], weight)
        start = stop
    return out.reshape(data.n_items, data.n_items)
