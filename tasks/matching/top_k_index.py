"""Matchers that propose from an index instead of by scoring everything."""

import os
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from tasks.matching.ann import ApproximateTexts
from tasks.matching.blocked import USER_BLOCK, BlockedTexts
from tasks.matching.blocked_device import top_items_on_device
from tasks.matching.contract import IntArray, Matcher, SearchSpace
from tasks.settings.matching import Matching


class TopKIndex:
    """The best items of one matcher's search space, exact or, for very many texts, nearly so."""

    def __init__(self, space: SearchSpace, settings: Matching, seed: int) -> None:
        self._space, m = space, settings.candidates
        n_texts = space.items.shape[0] * space.items.shape[1]
        self._index = self._exact = self._device = None
        if n_texts >= settings.ann_texts and space.items.any():
            self._index = ApproximateTexts(space.items, space.users, m, settings.ann_recall, seed)
        elif (device := accelerator()) is not None:
            self._device = device
        else:
            self._exact = BlockedTexts(space.items, space.users, m)

    @property
    def recall(self) -> float:
        """The share of the exact best that is found, as measured on some users; 1 when search is exact."""
        return self._index.recall if self._index else 1.0

    def top(
        self, users: IntArray, m: int, hidden: sparse.csr_matrix, allowed: NDArray[np.bool_] | None
    ) -> IntArray:
        """Return (B, m) item codes for user codes (B,), best first; -1 where there are fewer.

        `hidden` (B, N) and `allowed` (N,) are as in `BlockedTexts.blocks`.
        """
        interests = self._space.users[users]
        if self._index:
            return self._index.top(interests, m, hidden, allowed)[1]
        if self._device:
            found = top_items_on_device(interests, self._space.items, m, self._device, hidden, allowed)
            return np.concatenate([block.items for block in found])
        assert self._exact is not None
        share = -(-len(users) // (os.cpu_count() or 1)) * interests.shape[1]  # a block for every worker
        blocks = self._exact.blocks(interests, m, hidden, allowed, max(1, min(USER_BLOCK, share)))
        return np.concatenate([block.items for block in blocks])


def accelerator() -> str | None:
    """The device that multiplies faster than the processor, as torch names it; None without one."""
    return "cuda" if torch.cuda.is_available() else None


def top_k_indexes(matchers: Sequence[Matcher], settings: Matching, seed: int) -> dict[str, TopKIndex]:
    """Make the index of every fitted matcher that can have one and whose texts are many, by name."""
    made = {}
    for matcher in matchers:
        space = matcher.search_space()
        if space is not None and space.items.shape[0] * space.items.shape[1] >= settings.search_texts:
            made[matcher.name] = TopKIndex(space, settings, seed)
    return made
