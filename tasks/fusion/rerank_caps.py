"""Category caps: at most so many items of one category in a list."""

import numpy as np

from tasks.arrays.types import Flags
from tasks.fusion.rerank_head import Head
from tasks.fusion.similarity import Positions


class Caps:
    """Which items may come next: those none of whose categories is full.

    A list is not cut short: where only items of full categories are left, every category may hold as many
    again. So the first items of a list do not depend on its length. An item in no category may always come.
    """

    def __init__(self, head: Head) -> None:
        categories = head.context.categories
        if categories is None:
            raise ValueError(
                f"category_cap {head.context.category_cap} needs items' categories, got none; give them, "
                "or set category_cap = 0 in [fusion]"
            )
        self._categories, self._items, self._cap = categories, head.items, head.context.category_cap
        self._own = categories.lists[head.items]  # (B, H, L)
        self._rows = np.arange(len(head.items))[:, None, None]
        self._counts = np.zeros((len(head.items), categories.n_categories + 1))  # the last column stays 0
        self._most = np.full(len(head.items), self._cap)  # (B,)

    def allowed(self, free: Flags) -> Flags:
        """(B, H): those of the free items (B, H) that may come next; some for each user who has any."""
        allowed = free & self._below()
        while (stuck := free.any(axis=1) & ~allowed.any(axis=1)).any():
            self._most[stuck] += self._cap
            allowed = free & self._below()
        return allowed

    def pick(self, picked: Positions) -> None:
        """Count the categories of the picked items."""
        users = np.arange(len(picked))
        self._categories.added(self._counts, self._items[users, picked], np.ones(len(users)))

    def _below(self) -> Flags:
        full = self._counts >= self._most[:, None]  # (B, C + 1)
        of_items: Flags = full[self._rows, self._own]  # (B, H, L)
        return np.logical_not(np.any(of_items, axis=2))
