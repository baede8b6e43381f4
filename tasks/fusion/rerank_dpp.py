"""Determinantal point process: the list as a whole is to span as much as it can.

Greedy search for the most probable list, fast: Chen, Zhang, Zhou, "Fast Greedy MAP Inference for
Determinantal Point Process to Improve Recommendation Diversity" (NeurIPS 2018).
"""

import numpy as np

from tasks.fusion.rerank_head import Head, Singles
from tasks.fusion.similarity import Positions

LEAST = np.float32(1e-6)  # of what an item adds: a twin of one above adds nothing, and log 0 is not a number


class Dpp:
    """Next is the item that raises the determinant of the list's kernel most.

    The kernel is L[i, j] = q[i] * S[i, j] * q[j], with quality q = exp(theta * relevance) and similarity
    S = (1 + cosine) / 2: the determinant is largest where items differ, and opposites differ most. Its
    logarithm grows by 2 * theta * relevance + log(what those above leave of the item). With theta =
    (1 - dial) / (2 * dial) that is, times dial, (1 - dial) * relevance + dial * log(what they leave).
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
        for above in self._rows:
            row -= above[users, picked, None] * above
        row /= np.sqrt(np.maximum(self._left[users, picked, None], LEAST))
        self._left -= row**2
        self._rows.append(row)
