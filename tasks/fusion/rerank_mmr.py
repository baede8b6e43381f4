"""Maximal marginal relevance (Carbonell & Goldstein 1998): good items that differ from those above them."""

import numpy as np

from tasks.fusion.rerank_head import Head, Singles
from tasks.fusion.similarity import Positions


class Mmr:
    """Next is the highest (1 - dial) * relevance - dial * (highest similarity to an item above)."""

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
