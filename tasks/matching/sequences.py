"""Histories as sequences: what a sequential model reads, and what it is to predict."""

import numpy as np
from numpy.typing import NDArray

from tasks.matching.contract import IntArray, TrainingData


def in_order(data: TrainingData, ties: NDArray[np.number]) -> IntArray:
    """(E,) events by user, then time; `ties` (E,), such as random numbers, order the events of one block."""
    return np.lexsort((ties, data.time, data.user))


def windows(user: IntArray, n_users: int, length: int, rng: np.random.Generator) -> IntArray:
    """(R, L) places in `user`, ascending, then -1: every history cut into pieces of `length` events.

    The first piece is shorter by a random number. `user` (E,) holds codes, sorted.
    """
    skipped = rng.integers(0, length, n_users)[user]
    piece = (np.arange(len(user)) - np.searchsorted(user, user) + skipped) // length
    new = np.append(True, (user[1:] != user[:-1]) | (piece[1:] != piece[:-1]))[: len(user)]
    start = np.flatnonzero(new)
    size = np.diff(np.append(start, len(user)))
    column = np.arange(length)
    return np.where(column < size[:, None], start[:, None] + column, -1)


def later_events(data: TrainingData, half_life_items: float, rng: np.random.Generator) -> IntArray:
    """(E,) for every event one of a later block of the same user, -1 where there is none.

    The d-th event after the block is drawn in proportion to 0.5 ** (d / half_life_items): lists are to hold
    several items that come next, not the very next alone. What shares a block is never asked for.
    """
    rest = data.position_back  # events after the block
    block_end = np.searchsorted(data.user, data.user, side="right") - rest
    # A geometric distribution that is cut off at the end of the history, by inversion.
    least = np.power(0.5, rest / half_life_items)
    drawn = 1 - (1 - least) * rng.random(len(rest))  # in (least, 1]
    ahead = np.floor(-half_life_items * np.log2(drawn)).astype(np.int64)
    return np.where(rest > 0, block_end + np.minimum(ahead, rest - 1), -1)


def newest_items(user: IntArray, item: IntArray, n_users: int, length: int) -> tuple[IntArray, IntArray]:
    """The last items of every user: (U, L), oldest first, then 0; and (U,) how many there are.

    Of the events, `user` (E,) is sorted and `item` (E,) oldest first within a user.
    """
    start = np.searchsorted(user, np.arange(n_users + 1))
    size = np.minimum(np.diff(start), length)
    column = np.arange(length)
    there = column < size[:, None]
    place = (start[1:] - size)[:, None] + column
    return np.append(item, 0)[np.where(there, place, len(item))], size
