"""For a recommended item, the item of the person's own history that is most like it."""

import numpy as np
from numpy.typing import NDArray

from tasks.arrays.vectors import unit

ALIKE = 0.99  # of all pairs of items, this share must be less alike
PAIRS = 20_000  # drawn to know that from


class Likeness:
    """Cosine of items by all that is said of them: their own content and their texts.

    Two items are called alike when they are more so than 99% of the catalogue's pairs: some item of a long
    history is always nearest, which alone says nothing.
    """

    def __init__(self, text_vectors: NDArray[np.float32], item_vectors: NDArray[np.float32]) -> None:
        """Keep the sum of (N, D) centred unit vectors of texts and of content; zeros where there is none."""
        self._vectors = unit(text_vectors + item_vectors)
        known = np.flatnonzero(self._vectors.any(axis=1))
        pairs = np.random.default_rng(0).choice(known, (2, PAIRS)) if len(known) else np.zeros((2, 0), int)
        one, other = pairs[:, pairs[0] != pairs[1]]
        cosine = np.einsum("pd,pd->p", self._vectors[one], self._vectors[other])
        self._least = float(np.quantile(cosine, ALIKE)) if len(cosine) else 0.0

    def nearest(
        self,
        user: NDArray[np.integer],
        item: NDArray[np.integer],
        past_user: NDArray[np.integer],
        past_item: NDArray[np.integer],
    ) -> NDArray[np.int64]:
        """(R,) item codes: the nearest past item of the user, of equals the latest, -1 where none is alike.

        Items (R,) are recommended to users (R,); past users and items are those of events (E,). All are
        codes; users are sorted, and a user's events are in order of time.
        """
        out = np.full(len(user), -1, dtype=np.int64)
        whom = np.unique(user)
        rows, events = (np.searchsorted(of, [whom, whom + 1]).T for of in (user, past_user))
        for (start, stop), (first, last) in zip(rows, events, strict=True):
            past = past_item[first:last][::-1]
            if len(past):
                cosine = self._vectors[item[start:stop]] @ self._vectors[past].T  # (L, H)
                best = cosine.argmax(axis=1)
                alike = cosine[np.arange(len(best)), best] > max(self._least, 0.0)
                out[start:stop] = np.where(alike, past[best], -1)
        return out
