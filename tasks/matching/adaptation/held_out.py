"""What adaptation judges by: the last block of each train history, foretold from what came before it.

Validation has no part in it, so that figures on validation stay out of fold.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from tasks.arrays.types import Flags
from tasks.matching.training_data import FloatArray, IntArray, TrainingData
from tasks.matching.training_prefixes import block_bounds
from tasks.matching.validation import Validation


@dataclass(frozen=True)
class Size:
    """How much a candidate is fitted and judged on."""

    events: int
    """Users are drawn until they have so many."""
    items: int
    """The most common ones so many; the others are left out."""
    judged: int
    """So many of the users at most."""


@dataclass(frozen=True)
class HeldOut:
    """The train window without everybody's last block, and that block."""

    earlier: TrainingData
    relevant: csr_array
    """(U, N) bool: items of the last block that may be recommended and were not had before."""
    recommendable: Flags
    """(N,)"""
    order: IntArray
    """(U,) users in the order in which they are drawn."""

    @property
    def users(self) -> int:
        """How many users can be judged."""
        return int(np.count_nonzero(np.diff(self.relevant.indptr)))

    def sample(self, size: Size, k: int, block_users: int) -> Validation:
        """Some users and the most common items: the larger sample holds the smaller one."""
        data = self.earlier
        per_user = np.bincount(data.user, minlength=data.n_users)
        before = np.cumsum(per_user[self.order]) - per_user[self.order]
        users = np.sort(self.order[before < size.events])
        counts = np.bincount(data.item, minlength=data.n_items)
        items = np.sort(np.lexsort((np.arange(data.n_items), -counts))[: size.items])
        relevant = self.relevant[users][:, items]
        able = np.flatnonzero(np.diff(relevant.indptr))
        place = np.empty(data.n_users, dtype=np.int64)
        place[self.order] = np.arange(data.n_users)
        judged = able[np.argsort(place[users[able]], kind="stable")[: size.judged]]
        relevant.data &= np.repeat(np.isin(np.arange(len(users)), judged), np.diff(relevant.indptr))
        relevant.eliminate_zeros()
        return Validation(
            _restricted(data, users, items),
            relevant,
            self.recommendable[items],
            k,
            block_users,
        )


def hold_out(data: TrainingData, recommendable: Flags, least: float | None) -> HeldOut:
    """Cut off the last block of every history that has an earlier one.

    Args:
        data: the train window.
        recommendable: (N,) which items lists may hold.
        least: an event of a lower value is no hit; None counts all.
    """
    data = data.learned
    block_start, _ = block_bounds(data)
    last = (data.position_back == 0) & (block_start != np.searchsorted(data.user, data.user))
    earlier = data.with_events(~last)
    wanted = last & recommendable[data.item]
    if least is not None:
        wanted &= data.value >= least
    cell = np.unique(data.user[wanted] * data.n_items + data.item[wanted])
    cell = np.setdiff1d(cell, earlier.user * data.n_items + earlier.item, assume_unique=False)
    shape = (data.n_users, data.n_items)
    relevant = csr_array((np.ones(len(cell), dtype=bool), np.divmod(cell, data.n_items)), shape=shape)
    relevant.sort_indices()
    order = np.random.default_rng(data.seed).permutation(data.n_users)
    return HeldOut(earlier, relevant, recommendable, order)


def _restricted(data: TrainingData, users: IntArray, items: IntArray) -> TrainingData:
    """Events of some users with some items, both ascending and coded anew; vectors likewise."""
    user_code = np.full(data.n_users, -1)
    user_code[users] = np.arange(len(users))
    item_code = np.full(data.n_items, -1)
    item_code[items] = np.arange(len(items))
    some = data.with_events((user_code[data.user] >= 0) & (item_code[data.item] >= 0))
    return replace(
        some,
        n_users=len(users),
        n_items=len(items),
        user=user_code[some.user],
        item=item_code[some.item],
        text_vectors=_rows(data.text_vectors, items),
        interests=_rows(data.interests, users),
        item_vectors=_rows(data.item_vectors, items),
        categories=data.categories[items],
        names=None,
        searches=None,
        relevance_labels=None,
        seen_only=None,
    )


def _rows(array: FloatArray, rows: IntArray) -> FloatArray:
    return array if len(rows) == len(array) else array[rows]
