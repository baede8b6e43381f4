"""Two folds of the users, so that what is chosen on the one is judged on the other."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def out_of_fold(users: Sequence[str], seed: int) -> NDArray[np.int64]:
    """(U,) 0 or 1: which fold each user is in, folds of equal size (or one more in fold 0).

    Users are ordered by a hash of their id, so neither the order given nor the size of an id matters.

    Args:
        users: external ids, each once.
        seed: another seed gives other folds.
    """
    keys = _keys(users, seed)
    fold = np.zeros(len(users), dtype=np.int64)
    fold[_order(users, keys)[_size_of_fold_0(users) :]] = 1
    return fold


def last_of_fold_0(users: Sequence[str], seed: int) -> str:
    """Where `out_of_fold` cuts: by this, `fold_of` finds the fold of each again, whoever else there is.

    Args:
        users: external ids, each once; at least one.
        seed: of the folds.
    """
    keys = _keys(users, seed)
    return keys[_order(users, keys)[_size_of_fold_0(users) - 1]]


def fold_of(users: Sequence[str], seed: int, last: str) -> NDArray[np.int64]:
    """(U,) 0 or 1: the fold that `out_of_fold` gave each user, or would have given.

    Args:
        users: external ids, any of them.
        seed: of those folds.
        last: of those folds, from `last_of_fold_0`.
    """
    return np.array([key > last for key in _keys(users, seed)], dtype=np.int64)


def _keys(users: Sequence[str], seed: int) -> list[str]:
    return [blake2b(f"{seed}:{user}".encode(), digest_size=8).hexdigest() for user in users]


def _order(users: Sequence[str], keys: Sequence[str]) -> list[int]:
    return sorted(range(len(users)), key=lambda at: (keys[at], users[at]))


def _size_of_fold_0(users: Sequence[str]) -> int:
    return (len(users) + 1) // 2
