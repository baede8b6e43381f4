"""Lists as they are exchanged (user_id, item_id, rank) to lists as they are evaluated (dense codes)."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.arrays.codes import codes
from tasks.arrays.types import Codes
from warehouse.columns import ITEM, RANK, USER


def lists_from_frame(
    frame: pl.DataFrame, user_ids: Sequence[str], item_ids: Sequence[str], k: int
) -> NDArray[np.int32]:
    """(U, k) item codes, padded with -1: out[u, r] = the item at rank r + 1 for user u.

    Args:
        frame: user_id, item_id and rank (from 1); rows beyond rank k are left out.
        user_ids: the users, in the order of the rows; one without rows gets an empty list.
        item_ids: the catalogue, sorted.
        k: length of the lists.
    """
    top = frame.filter(pl.col(RANK) <= k)
    if top.height and top[RANK].min() < 1:  # type: ignore[operator]
        raise ValueError(f"rank {top[RANK].min()} is below 1; count ranks from 1")
    doubled = top.filter(pl.struct(USER, RANK).is_duplicated())
    if doubled.height:
        user, rank = doubled.row(0, named=True)[USER], doubled.row(0, named=True)[RANK]
        raise ValueError(f"user {user!r} has more than one item at rank {rank}; give each rank once")
    items = np.full((len(user_ids), k), -1, dtype=np.int32)
    items[codes(top[USER], user_ids), top[RANK].to_numpy() - 1] = codes(top[ITEM], item_ids)
    return items


def check_lists(items: Codes, n_users: int, n_items: int, k: int) -> None:
    """Refuse lists that would be evaluated wrongly: too short an array, unknown codes, an item twice."""
    if items.ndim != 2 or items.shape[0] != n_users or items.shape[1] < k:
        raise ValueError(
            f"lists have shape {items.shape}, need ({n_users}, {k} or more); pad short lists with -1"
        )
    if items.size and (items.min() < -1 or items.max() >= n_items):
        raise ValueError(f"item codes run from {items.min()} to {items.max()}; use -1 to {n_items - 1}")
    ordered = np.sort(items[:, :k], axis=1)
    repeated = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if repeated.any():
        row, column = np.argwhere(repeated)[0]
        raise ValueError(f"list {row} has item code {ordered[row, column]} twice; give each item once")
