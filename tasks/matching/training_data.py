"""What every matcher is given: the events of a fit window, and the vectors and words that go with it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tasks.arrays.recency import positions_back

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Names:
    """What codes stand for, and the words of items: for matchers that read files or text.

    Args:
        user_ids: U external ids, sorted.
        item_ids: N external ids, sorted.
        titles: N titles, with the year where there is one.
        descriptions: N descriptions, "" where there is none.
        texts: texts[n][k] is the recommendation text in slot k of item n, None where there is none.
        categories: N lists of names; empty when not given.
    """

    user_ids: Sequence[str]
    item_ids: Sequence[str]
    titles: Sequence[str]
    descriptions: Sequence[str]
    texts: Sequence[Sequence[str | None]]
    categories: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, eq=False)
class SearchRecords:
    """What users searched for, up to the end of a fit window.

    Args:
        user: (S,) int64 user codes; searches are sorted by user, then time.
        query: S free texts.
        time: (S,) int64 seconds.
    """

    user: IntArray
    query: Sequence[str]
    time: IntArray

    def __post_init__(self) -> None:
        if not len(self.user) == len(self.query) == len(self.time):
            raise ValueError(
                f"a search needs user, query and time, got {len(self.user)}, {len(self.query)} and "
                f"{len(self.time)} of them"
            )
        _ = positions_back(self.user, self.time)  # refuses unsorted searches now


@dataclass(frozen=True, eq=False)
class RelevanceLabels:
    """How relevant a language model found texts to people: what a student learns from.

    Args:
        context: (G, L) int64 item codes: what the model was told of G people, -1 where there was less.
        group: (R,) int64: the row of `context` that each of R labels is about.
        item: (R,) int64 codes.
        slot: (R,) int64: which of the item's texts.
        value: (R,) float32: log p(text | context) - log p(text).
    """

    context: IntArray
    group: IntArray
    item: IntArray
    slot: IntArray
    value: FloatArray

    def __post_init__(self) -> None:
        if self.context.ndim != 2:
            raise ValueError(f"context must have shape (G, L), got {self.context.shape}")
        for name in ("item", "slot", "value"):
            if getattr(self, name).shape != self.group.shape:
                raise ValueError(f"{name} must be one value a label, got shape {getattr(self, name).shape}")
        _check_codes("group", self.group, len(self.context))
        if not np.isfinite(self.value).all():
            raise ValueError("value holds NaN or infinity; leave such labels out")


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The events of one fit window, and the vectors that go with it.

    Users and items are dense codes: positions in the sorted lists of external ids.

    Args:
        n_users: U, with or without events in this window.
        n_items: N, with or without events in this window.
        user: (E,) int64 user codes; events are sorted by user, then time.
        item: (E,) int64 item codes.
        value: (E,) float32, such as a rating.
        time: (E,) int64 seconds.
        text_vectors: (N, K, D) float32 of unit length; zeros where a text is missing.
        interests: (U, I, D) float32 of unit length; zeros where a user has fewer interests.
        item_vectors: (N, D) float32 of unit length, of items' own content; zeros where an item has none.
        categories: (N, C) bool.
        seed: drives everything random.
        given: (E,) bool, events that are known when lists are made, but not learned from: what an unseen user
            did just before. None when there are none.
        names: what the codes stand for, where that is known.
        searches: what users searched for; None when nothing is recorded.
        fit: the name of the window, where that is known: for matchers that read files.
        relevance_labels: of a language model, of some users' candidates in fit `train`; None without.
        seen_only: (U, N), 1 where a user had an item by an event that shows no interest; None without any.
    """

    n_users: int
    n_items: int
    user: IntArray
    item: IntArray
    value: FloatArray
    time: IntArray
    text_vectors: FloatArray
    interests: FloatArray
    item_vectors: FloatArray
    categories: NDArray[np.bool_]
    seed: int
    given: NDArray[np.bool_] | None = None
    names: Names | None = None
    searches: SearchRecords | None = None
    fit: str = ""
    relevance_labels: RelevanceLabels | None = None
    seen_only: sparse.csr_matrix | None = None

    def __post_init__(self) -> None:
        for name in ("user", "item", "value", "time"):
            if getattr(self, name).shape != self.user.shape or self.user.ndim != 1:
                raise ValueError(f"{name} must be one value an event, got shape {getattr(self, name).shape}")
        if self.given is not None and self.given.shape != self.user.shape:
            raise ValueError(f"given must be one value an event, got shape {self.given.shape}")
        _check_codes("user", self.user, self.n_users)
        _check_codes("item", self.item, self.n_items)
        texts, interests = self.text_vectors.shape, self.interests.shape
        if len(texts) != 3 or texts[0] != self.n_items:
            raise ValueError(f"text_vectors must have shape ({self.n_items}, K, D), got {texts}")
        if len(interests) != 3 or interests[0] != self.n_users or interests[2] != texts[2]:
            raise ValueError(f"interests must have shape ({self.n_users}, I, {texts[2]}), got {interests}")
        if self.item_vectors.shape != (self.n_items, texts[2]):
            raise ValueError(
                f"item_vectors must have shape ({self.n_items}, {texts[2]}), got {self.item_vectors.shape}"
            )
        if self.categories.ndim != 2 or len(self.categories) != self.n_items:
            raise ValueError(f"categories must have shape ({self.n_items}, C), got {self.categories.shape}")
        if self.searches is not None:
            _check_codes("search", self.searches.user, self.n_users)
        for name in ("value", "text_vectors", "interests", "item_vectors"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} holds NaN or infinity; quarantine such rows before matching")
        _ = self.position_back  # refuses unsorted events now, not in the middle of a fit

    @cached_property
    def learned(self) -> "TrainingData":
        """The same without the given events: what a model may learn from; histories are all events."""
        if self.given is None or not self.given.any():
            return self
        return self.with_events(~self.given)

    def with_events(self, kept: NDArray[np.bool_]) -> "TrainingData":
        """The same with some of the events (E,) alone, none of them given."""
        events = {name: getattr(self, name)[kept] for name in ("user", "item", "value", "time")}
        return replace(self, **events, given=None)

    @cached_property
    def position_back(self) -> IntArray:
        """(E,) how many events of the same user happened strictly later."""
        return positions_back(self.user, self.time)

    def latest(self, length: int) -> IntArray:
        """(U, length) int64: the distinct items that each user had last, the newest last, -1 before them.

        Items of one time have no order: a hash of seed and item decides, so that it stays what it is when the
        catalogue grows.
        """
        items = self.names.item_ids if self.names else [str(code) for code in range(self.n_items)]
        drawn = [blake2b(f"{self.seed}:{item}".encode(), digest_size=8).digest() for item in items]
        place = np.empty(self.n_items, dtype=np.int64)
        place[sorted(range(self.n_items), key=lambda code: (drawn[code], items[code]))] = np.arange(
            self.n_items
        )
        order = np.lexsort((place[self.item], self.time, self.user))
        user, item = self.user[order], self.item[order]
        kept = newest_of_each(user * self.n_items + item)
        user, item = user[kept], item[kept]
        back = np.searchsorted(user, user, side="right") - 1 - np.arange(len(user))
        out = np.full((self.n_users, length), -1, dtype=np.int64)
        last = back < length
        out[user[last], length - 1 - back[last]] = item[last]
        return out

    @cached_property
    def seen(self) -> sparse.csr_matrix:
        """(U, N) float32: 1 where the user has any event, which shows interest, with the item."""
        matrix = self.weighted(np.ones(len(self.user)))
        matrix.data[:] = 1
        return matrix

    @cached_property
    def had(self) -> sparse.csr_matrix:
        """(U, N) float32: 1 where the user had the item, of interest or not: what lists leave out."""
        if self.seen_only is None:
            return self.seen
        return self.seen.maximum(self.seen_only).tocsr()

    def weighted(self, weights: NDArray[np.float64]) -> sparse.csr_matrix:
        """Lay event weights (E,) out as (U, N) float32; of repeated events the heaviest counts."""
        cell = self.user * self.n_items + self.item
        order = np.lexsort((-weights, cell))
        first = np.unique(cell[order], return_index=True)[1]
        keep = order[first]
        values = weights[keep].astype(np.float32)
        return sparse.csr_matrix(
            (values, (self.user[keep], self.item[keep])), shape=(self.n_users, self.n_items)
        )


def newest_of_each(codes: IntArray) -> IntArray:
    """Positions of the last of each code, ascending.

    >>> newest_of_each(np.array([5, 3, 5])).tolist()
    [1, 2]
    """
    from_end = np.unique(codes[::-1], return_index=True)[1]
    return np.sort(len(codes) - 1 - from_end)


def _check_codes(name: str, codes: IntArray, n: int) -> None:
    """Refuse codes outside 0..n-1."""
    if len(codes) and not (codes.min() >= 0 and codes.max() < n):
        raise ValueError(f"{name} codes must be between 0 and {n - 1}, got {codes.min()} to {codes.max()}")
