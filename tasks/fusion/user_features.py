"""What is known of a user, as numbers that weights may depend on."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tasks.arrays.types import Floats

FEATURES = ("history_length", "taste_spread", "days_since_last")
SECONDS_A_DAY = 86400


def user_features(
    n_users: int,
    user: NDArray[np.integer],
    item: NDArray[np.integer],
    time: NDArray[np.integer],
    vectors: NDArray[np.float32],
) -> Floats:
    """(U, 3) log(1 + events), taste spread, log(1 + days since last seen), from the events of a fit.

    Taste spread is 1 - the length of the mean of the items' vectors: 0 for one item again and again, near 1
    for items that have nothing in common. Days count back from the newest event of the fit. Who has no event
    gets 0, 0 and the age of the oldest event.

    Events are codes of user and item (E,) and seconds (E,); vectors (N, D) have unit norm, or are zero.
    """
    n_events = np.bincount(user, minlength=n_users)
    out = np.zeros((n_users, len(FEATURES)))
    if not len(user):
        return out
    shape = (n_users, len(vectors))
    history = csr_array((np.ones(len(user)), (user, item)), shape=shape)
    known = np.asarray(history @ (vectors != 0).any(axis=1).astype(np.float64))  # (U,) events with a vector
    total = np.linalg.norm(history @ vectors.astype(np.float64), axis=1)
    out[:, 0] = np.log1p(n_events)
    out[:, 1] = np.where(known > 0, 1 - total / np.maximum(known, 1), 0.0)
    last = np.full(n_users, int(time.min()), dtype=np.int64)
    np.maximum.at(last, user, time)
    out[:, 2] = np.log1p((int(time.max()) - last) / SECONDS_A_DAY)
    return out
