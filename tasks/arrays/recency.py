"""How far back in a user's history an event lies, how it was rated, and what it therefore weighs."""

import numpy as np
from numpy.typing import NDArray

from tasks.arrays.types import Codes, Floats, Vectors

# What the lowest rating weighs against the highest at least: to have chosen an item says something by itself.
MIN_RATING_WEIGHT = 0.1
# A weight below 0.5 ** 7.5, half a percent, is left out where it would only make sums longer.
HALF_LIVES_KEPT = 7.5


def positions_back(user: Codes, time: Codes) -> NDArray[np.int64]:
    """Count, for every event, the events of its user that happened strictly later.

    Events of one user with the same time have no order among themselves, so they all get the same position.

    Args:
        user: (E,) codes, sorted; time ascends within a user.
        time: (E,) seconds.

    Returns:
        (E,) positions; the newest block of every user has position 0.
    """
    n_events = len(user)
    if n_events == 0:
        return np.zeros(0, dtype=np.int64)
    new_user = user[1:] != user[:-1]
    if np.any(user[1:] < user[:-1]) or np.any((time[1:] < time[:-1]) & ~new_user):
        raise ValueError(
            "events must be sorted by user, then time; sort them with numpy.lexsort((time, user))"
        )
    user_end = np.append(np.flatnonzero(new_user) + 1, n_events)
    block_end = np.append(np.flatnonzero(new_user | (time[1:] != time[:-1])) + 1, n_events)
    events = np.arange(n_events)
    end_of_user = user_end[np.searchsorted(user_end, events, side="right")]
    end_of_block = block_end[np.searchsorted(block_end, events, side="right")]
    return end_of_user - end_of_block


def recency_weights(positions: Codes, half_life_items: float | None) -> Floats:
    """(E,): 0.5 ** (position / half-life), the half-life in events; all 1 without a half-life."""
    if half_life_items is None:
        return np.ones(len(positions))
    if not half_life_items > 0:
        raise ValueError(f"the half-life must be above 0 items, got {half_life_items}; None switches it off")
    return np.power(0.5, positions / half_life_items)


def reach(half_life_items: float) -> int:
    """The number of positions beyond which a weight is left out.

    >>> reach(8)
    60
    """
    return int(np.ceil(half_life_items * HALF_LIVES_KEPT))


def rating_weights(value: Vectors) -> Floats:
    """Weigh an event value / largest value, at least MIN_RATING_WEIGHT; all 1 when all are the same.

    >>> rating_weights(np.array([5, 4, 0], dtype=np.float32)).round(2)
    array([1. , 0.8, 0.1])
    """
    largest = float(value.max(initial=0))
    if largest <= 0:
        return np.ones(len(value))
    return np.maximum(value / largest, MIN_RATING_WEIGHT).astype(np.float64)
