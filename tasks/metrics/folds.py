"""Two folds of the users: what is chosen on the one is validated on the other."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def folds_of(users: Sequence[str], seed: int) -> NDArray[np.int64]:
    """(U,) 0 or 1: the fold of each user; both have as many users, or fold 0 has one more.

    Users are ordered by a hash of their id, so the order given does not matter.

    Args:
        users: external ids, each once.
        seed: another seed makes other folds.
    """
    keys = _keys(users, seed)
    fold = np.zeros(len(users), dtype=np.int64)
    fold[_order(users, keys)[(len(users) + 1) // 2 :]] = 1
    return fold


def last_of_fold_0(users: Sequence[str], seed: int) -> str:
    """Where `folds_of` cuts: with this, `fold_of` finds a user's fold again, whoever else there is by then.

    Args:
        users: external ids, each once; without any all users are in fold 1.
        seed: of the folds.
    """
    if not users:
        return ""
    keys = _keys(users, seed)
    return keys[_order(users, keys)[(len(users) + 1) // 2 - 1]]


def fold_of(users: Sequence[str], seed: int, last: str) -> NDArray[np.int64]:
    """(U,) 0 or 1: the fold in which `folds_of` put each user, or would have put a user who is new.

    Args:
        users: external ids, any of them.
        seed: of the folds.
        last: from `last_of_fold_0`.
    """
    return np.array([key > last for key in _keys(users, seed)], dtype=np.int64)


def _keys(users: Sequence[str], seed: int) -> list[str]:
    return [blake2b(f"{seed}:{user}".encode(), digest_size=8).hexdigest() for user in users]


def _order(users: Sequence[str], keys: Sequence[str]) -> list[int]:
    return sorted(range(len(users)), key=lambda at: (keys[at], users[at]))
