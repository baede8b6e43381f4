"""Two halves of the users, so that what is chosen on the one is judged on the other."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def out_of_fold(users: Sequence[str], seed: int) -> NDArray[np.int64]:
    """(U,) 0 or 1: which half each user is in, halves of equal size (or one more in half 0).

    Users are ordered by a hash of their id, so neither the order given nor the size of an id matters.

    Args:
        users: external ids, each once.
        seed: another seed halves otherwise.
    """
    keys = [blake2b(f"{seed}:{user}".encode(), digest_size=8).digest() for user in users]
    half = np.zeros(len(users), dtype=np.int64)
    half[sorted(range(len(users)), key=lambda at: (keys[at], users[at]))[(len(users) + 1) // 2 :]] = 1
    return half
