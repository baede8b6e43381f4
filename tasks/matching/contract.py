"""What every matcher must offer, and what it is asked with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy import sparse

from tasks.arrays.recency import recency_weights
from tasks.matching.training_data import FloatArray, IntArray, TrainingData

Parameter = str | int | float | bool | None


@dataclass(frozen=True, eq=False)
class VisitorBatch:
    """People whom no fit window knows: what they did just now, what interests them, what they ask for.

    Args:
        item: (E,) int64 codes, visitor by visitor, oldest first; each item of a visitor once.
        start: (B + 1,) int64: visitor b did item[start[b]:start[b + 1]].
        interests: (B, I, D) float32 of unit length; zeros where there are fewer.
        queries: B free texts, "" for who asked for nothing.
    """

    item: IntArray
    start: IntArray
    interests: FloatArray
    queries: Sequence[str]

    def __post_init__(self) -> None:
        n = len(self.start) - 1
        if n < 0 or self.start[0] != 0 or self.start[-1] != len(self.item) or (np.diff(self.start) < 0).any():
            raise ValueError(f"start must ascend from 0 to {len(self.item)}, got {self.start.tolist()}")
        if self.interests.ndim != 3 or len(self.interests) != n or len(self.queries) != n:
            raise ValueError(
                f"{n} visitors need interests (B, I, D) and queries, got {self.interests.shape} "
                f"and {len(self.queries)} queries"
            )

    def __len__(self) -> int:
        return len(self.start) - 1

    def history(self, n_items: int, half_life_items: float | None) -> sparse.csr_matrix:
        """(B, N) float32: 0.5 ** (position back / half-life) where a visitor did something with an item."""
        end = np.repeat(self.start[1:], np.diff(self.start))
        back = end - 1 - np.arange(len(self.item))
        weights = recency_weights(back, half_life_items).astype(np.float32)
        return sparse.csr_matrix((weights, self.item, self.start), shape=(len(self), n_items))


@dataclass(frozen=True, eq=False)
class UserBatch:
    """Users to be scored against every item: (B,) int64 codes."""

    users: IntArray

    def blocks(self, size: int) -> Iterator["UserBatch"]:
        """Cut the batch into batches of at most `size` users, in order."""
        for start in range(0, len(self.users), size):
            yield UserBatch(self.users[start : start + size])


@dataclass(frozen=True, eq=False)
class PairBatch:
    """Pairs to be scored: user `users[p]` with item `items[p]`, both (P,) int64 codes."""

    users: IntArray
    items: IntArray

    def __post_init__(self) -> None:
        if self.users.shape != self.items.shape or self.users.ndim != 1:
            raise ValueError(
                f"pairs need as many users as items, got {self.users.shape} and {self.items.shape}"
            )


@dataclass(frozen=True, eq=False)
class SearchSpace:
    """Scores that are the largest inner product of a user's vectors with an item's.

    Args:
        items: (N, K, D) float32; zeros are no vector, and an item without any scores 0.
        users: (U, I, D) float32; zeros are no vector, and for a user without any everything scores 0.
    """

    items: FloatArray
    users: FloatArray


class Matcher(Protocol):
    """Scores users against items. Scores of different matchers share no scale: fusion normalises them."""

    name: str
    reads_texts: bool
    """Whether scores depend on recommendation texts: an ablation of texts fits it again for each variant."""
    proposes: bool
    """Whether its best items become candidates; otherwise it only scores what others propose."""

    def fit(self, data: TrainingData) -> None:
        """Learn from one fit window."""
        ...

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32: out[b, n] = score of item n for user b; finite for unknown users too."""
        ...

    def score_pairs(self, pairs: PairBatch) -> FloatArray:
        """Return (P,) float32: the values that `score` has at these pairs."""
        ...

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32: what a user with this history and these interests would get."""
        ...

    def best_slot(self, pairs: PairBatch) -> IntArray:
        """Return (P,) int64: the slot of the text that decided, -1 where none did."""
        ...

    def search_space(self) -> SearchSpace | None:
        """Return what `score` is the largest inner product of; None when it is something else."""
        ...

    def parameters(self) -> dict[str, Parameter]:
        """Return the settings that the matcher was made with."""
        ...

    def forget_users(self) -> bool:
        """Drop what is kept of users, none of whom can be scored then; whether visitors still can be."""
        ...

    def save(self, folder: Path) -> None:
        """Write the fitted matcher as safetensors and JSON."""
        ...
