"""The greedy methods of re-ranking, and the cap on categories that goes with each of them."""

import numpy as np

from tasks.arrays.types import Flags, Positions
from tasks.fusion.rerank_head import Head, Singles

LEAST = np.float32(1e-6)  # of what an item adds: a twin of one above adds nothing, and log 0 is not a number
SMOOTHING = 0.01  # of a list's shares by the history's, as Steck has it: a missing category costs much


class Mmr:
    """Next is the highest (1 - dial) * relevance - dial * (highest similarity to an item above).

    Carbonell and Goldstein, "The use of MMR" (SIGIR 1998).
    """

    def __init__(self, head: Head, dial: float) -> None:
        self._gain = np.float32(1 - dial) * head.relevance
        self._dial = np.float32(dial)
        self._similar_to = head.context.similarity.to_picked(head.items)
        self._closest: Singles | None = None  # (B, H)

    def values(self) -> Singles:
        """(B, H); the first item of a list has none above it."""
        return self._gain if self._closest is None else self._gain - self._dial * self._closest

    def pick(self, picked: Positions) -> None:
        """Remember how close each item is to the nearest one picked."""
        similar = self._similar_to(picked)
        self._closest = similar if self._closest is None else np.maximum(self._closest, similar)


class Dpp:
    """Determinantal point process: next is the item that raises the determinant of the list's kernel most.

    The kernel is L[i, j] = q[i] * S[i, j] * q[j], with quality q = exp(theta * relevance) and similarity
    S = (1 + cosine) / 2: the determinant is largest where items differ, and opposites differ most. Its
    logarithm grows by 2 * theta * relevance + log(what those above leave of the item). With theta =
    (1 - dial) / (2 * dial) that is, times dial, (1 - dial) * relevance + dial * log(what they leave).

    Chen, Zhang, Zhou, "Fast Greedy MAP Inference for Determinantal Point Process to Improve Recommendation
    Diversity" (NeurIPS 2018).
    """

    def __init__(self, head: Head, dial: float) -> None:
        self._gain = np.float32(1 - dial) * head.relevance
        self._dial = np.float32(dial)
        self._cosine_to = head.context.similarity.to_picked(head.items)
        self._left = np.ones(head.items.shape, dtype=np.float32)  # d^2 of the paper
        self._rows: list[Singles] = []  # of the Cholesky factor, one (B, H) for each item picked

    def values(self) -> Singles:
        """(B, H); all of a list's first items are left whole."""
        return self._gain + self._dial * np.log(np.maximum(self._left, LEAST))

    def pick(self, picked: Positions) -> None:
        """Take from every item what the picked one has of it: one more row of the Cholesky factor."""
        users = np.arange(len(picked))
        row: Singles = (self._cosine_to(picked) + np.float32(1)) / np.float32(2)
        # Item by item and no BLAS: equal items then stay equal to the last bit, and ties stay ties.
        # A user who has run out picks the same item again and again, and the factor grows past float32.
        with np.errstate(over="ignore", invalid="ignore"):
            for above in self._rows:
                row -= above[users, picked, None] * above
            row /= np.sqrt(np.maximum(self._left[users, picked, None], LEAST))
            self._left -= row**2
        self._rows.append(row)


class Calibrated:
    """Next is the highest (1 - dial) * relevance - dial * KL(shares of the history, shares of the list).

    The list is the one with the item. The divergence is the sum over categories of p * log(p / q), with p of
    the history and q of the list, smoothed. An item changes q in its own categories; what is the same for all
    items of a user is left out. Steck, "Calibrated Recommendations" (RecSys 2018).
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
