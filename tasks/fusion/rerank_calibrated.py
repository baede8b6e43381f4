"""Calibrated lists: categories in the shares that they have in the user's history.

Steck, "Calibrated Recommendations" (RecSys 2018).
"""

import numpy as np

from tasks.fusion.rerank_head import Head, Singles
from tasks.fusion.similarity import Positions

SMOOTHING = (
    0.01  # of the list's shares by the history's, as in the paper: a missing category costs much, not all
)


class Calibrated:
    """Next is the highest (1 - dial) * relevance - dial * KL(shares of the history, shares of the list).

    The list is the one with the item. The divergence is the sum over categories of p * log(p / q), with p of
    the history and q of the list, smoothed. An item changes q in its own categories; what is the same for all
    items of a user is left out.
    """

    def __init__(self, head: Head, dial: float) -> None:
        categories, tastes = head.context.categories, head.context.tastes
        if categories is None or tastes is None:
            raise ValueError(
                "calibrated re-ranking needs items' categories and users' tastes, got none; give both, "
                'or set reranker = "mmr" in [fusion]'
            )
        self._categories, self._items = categories, head.items
        self._gain = np.float32(1 - dial) * head.relevance
        self._dial = np.float32(dial)
        padded = ((0, 0), (0, 1))  # one more category that stands for none and counts for nothing
        self._wanted = np.pad(tastes, padded)  # (B, C + 1)
        self._counts = np.zeros(self._wanted.shape)
        self._own = categories.lists[head.items]  # (B, H, L)
        self._rows = np.arange(len(head.items))[:, None, None]
        self._own_wanted = self._wanted[self._rows, self._own].astype(np.float32)
        self._own_share = categories.share[head.items][:, :, None]  # (B, H, 1)
        self._length = 0

    def values(self) -> Singles:
        """(B, H); users without a taste get the order by score."""
        scale = (1 - SMOOTHING) / (self._length + 1)
        before = scale * self._counts + SMOOTHING * self._wanted  # (B, C + 1)
        before = np.where(self._wanted > 0, before, 1)  # where nothing is wanted nothing counts
        raised = 1 + scale * self._own_share / before[self._rows, self._own]  # (B, H, L)
        kept = self._own_wanted * np.log(raised.astype(np.float32))
        return self._gain + self._dial * kept.sum(axis=2)

    def pick(self, picked: Positions) -> None:
        """Count the categories of the picked items."""
        items = self._items[np.arange(len(picked)), picked]
        self._categories.added(self._counts, items, self._categories.share[items])
        self._length += 1
