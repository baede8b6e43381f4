"""What a user had done before an event: the pasts that models of what comes next learn from."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from tasks.arrays.recency import recency_weights
from tasks.matching.contract import IntArray, TrainingData


class Pasts(NamedTuple):
    """Events before M others: `event[j]` lies `distance[j]` events before the other number `row[j]`."""

    row: IntArray
    event: IntArray
    distance: IntArray

    def weighted(self, data: TrainingData, n_rows: int, half_life_items: float) -> sparse.csr_matrix:
        """(M, N) float32: an item this many positions back weighs 0.5 ** (position / half-life)."""
        weight = recency_weights(self.distance, half_life_items).astype(np.float32)
        return sparse.csr_matrix((weight, (self.row, data.item[self.event])), shape=(n_rows, data.n_items))


def pasts(data: TrainingData, events: IntArray, reach: int) -> Pasts:
    """Find what the users of some events, (M,) positions in `data`, had done before.

    Events of one user with the same time have no order, so an event's past ends before all of its block, and
    blocks come in entirely; the newest block of a past has distance 0. A past holds about `reach` events.
    """
    block_start, block_end = block_bounds(data)
    stop = block_start[events]
    user_start = np.searchsorted(data.user, data.user[events], side="left")
    # A user's first block has no past: there `stop` is `user_start`, and what precedes is somebody else's.
    first = np.where(stop > user_start, block_start[np.maximum(user_start, stop - reach)], stop)
    row, event = ranges(first, stop)
    return Pasts(row, event, stop[row] - block_end[event])


def block_bounds(data: TrainingData) -> tuple[IntArray, IntArray]:
    """(E,) and (E,): where the block of each event begins and ends, a user's events of one time."""
    n_events = len(data.user)
    change = (data.user[1:] != data.user[:-1]) | (data.time[1:] != data.time[:-1])
    starts = np.concatenate([[0], np.flatnonzero(change) + 1]) if n_events else np.zeros(0, dtype=np.int64)
    block = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, n_events)))
    return starts[block], np.append(starts, n_events)[block + 1]


def with_past(data: TrainingData) -> IntArray:
    """Positions of the events whose user did something strictly earlier."""
    if not len(data.user):
        return np.zeros(0, dtype=np.int64)
    first_time = data.time[np.searchsorted(data.user, data.user, side="left")]
    return np.flatnonzero(data.time > first_time)


def ranges(start: IntArray, stop: IntArray) -> tuple[IntArray, IntArray]:
    """Write out ranges: row r once for each event of start[r]..stop[r]-1, and those events.

    >>> [part.tolist() for part in ranges(np.array([0, 5]), np.array([2, 6]))]
    [[0, 0, 1], [0, 1, 5]]
    """
    length = stop - start
    row = np.repeat(np.arange(len(start)), length)
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    return row, start[row] + within
