"""For a recommended item, the item of the person's own history that is most like it."""

import numpy as np
from numpy.typing import NDArray


def nearest_in_history(
    vectors: NDArray[np.float32],
    user: NDArray[np.integer],
    item: NDArray[np.integer],
    past_user: NDArray[np.integer],
    past_item: NDArray[np.integer],
) -> NDArray[np.int64]:
    """(R,) item codes: of the user's past items the one with the highest cosine above 0, -1 for none.

    Vectors are centred on the catalogue, so what is no more alike than any two items is not called alike. Of
    equals the latest is taken.

    Args:
        vectors: (N, D) of unit length, centred; zeros for an item that nothing is known of.
        user: (R,) codes of whom the items are recommended to, sorted.
        item: (R,) codes of what is recommended.
        past_user: (E,) codes, sorted.
        past_item: (E,) codes, oldest first within a user.
    """
    out = np.full(len(user), -1, dtype=np.int64)
    whom = np.unique(user)
    rows, events = (np.searchsorted(of, [whom, whom + 1]).T for of in (user, past_user))
    for (start, stop), (first, last) in zip(rows, events, strict=True):
        past = past_item[first:last][::-1]
        if len(past):
            cosine = vectors[item[start:stop]] @ vectors[past].T  # (L, H)
            best = cosine.argmax(axis=1)
            out[start:stop] = np.where(cosine[np.arange(len(best)), best] > 0, past[best], -1)
    return out
