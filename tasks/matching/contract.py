"""What every matcher is given, and what it must offer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tasks.recency import positions_back, recency_weights

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
Parameter = str | int | float | bool | None


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
class Searches:
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
class Judgements:
    """How relevant a language model found texts to people: what a student learns from.

    Args:
        context: (G, L) int64 item codes: what the model was told of G people, -1 where there was less.
        group: (R,) int64: the row of `context` that each of R judgements is about.
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
                raise ValueError(
                    f"{name} must be one value a judgement, got shape {getattr(self, name).shape}"
                )
        _check_codes("group", self.group, len(self.context))
        if not np.isfinite(self.value).all():
            raise ValueError("value holds NaN or infinity; leave such judgements out")


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
        seed: drives everything random.
        given: (E,) bool, events that are known when lists are made, but not learned from: what an unseen user
            did just before. None when there are none.
        item_vectors: (N, D) float32 of unit length, of items' own content; zeros where an item has none, and
            everywhere when not given.
        categories: (N, C) bool. Without columns when not given.
        names: what the codes stand for, where that is known.
        searches: what users searched for; None when nothing is recorded.
        fit: the name of the window, where that is known: for matchers that read files.
        judgements: of a language model, of some users' candidates in fit `train`. None when there are none.
    """

    n_users: int
    n_items: int
    user: IntArray
    item: IntArray
    value: FloatArray
    time: IntArray
    text_vectors: FloatArray
    interests: FloatArray
    seed: int
    given: NDArray[np.bool_] | None = None
    item_vectors: FloatArray = None  # type: ignore[assignment] - set below
    categories: NDArray[np.bool_] = None  # type: ignore[assignment] - set below
    names: Names | None = None
    searches: Searches | None = None
    fit: str = ""
    judgements: Judgements | None = None

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
        if self.item_vectors is None:
            object.__setattr__(self, "item_vectors", np.zeros((self.n_items, texts[2]), dtype=np.float32))
        if self.categories is None:
            object.__setattr__(self, "categories", np.zeros((self.n_items, 0), dtype=bool))
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
        kept = ~self.given
        return replace(
            self,
            user=self.user[kept],
            item=self.item[kept],
            value=self.value[kept],
            time=self.time[kept],
            given=None,
        )

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
        from_end = np.unique((user * self.n_items + item)[::-1], return_index=True)[1]
        kept = np.sort(len(user) - 1 - from_end)  # of an item's events the last
        user, item = user[kept], item[kept]
        back = np.searchsorted(user, user, side="right") - 1 - np.arange(len(user))
        out = np.full((self.n_users, length), -1, dtype=np.int64)
        near = back < length
        out[user[near], length - 1 - back[near]] = item[near]
        return out

    @cached_property
    def seen(self) -> sparse.csr_matrix:
        """(U, N) float32: 1 where the user has any event with the item."""
        matrix = self.weighted(np.ones(len(self.user)))
        matrix.data[:] = 1
        return matrix

    def weighted(self, weights: NDArray[np.float64]) -> sparse.csr_matrix:
        """Lay event weights out as a (U, N) float32 matrix; of repeated events the heaviest counts.

        Args:
            weights: (E,), above zero where an event is to be kept.
        """
        cell = self.user * self.n_items + self.item
        order = np.lexsort((-weights, cell))
        first = np.unique(cell[order], return_index=True)[1]
        keep = order[first]
        values = weights[keep].astype(np.float32)
        return sparse.csr_matrix(
            (values, (self.user[keep], self.item[keep])), shape=(self.n_users, self.n_items)
        )


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
        """(B, N) float32: 0.5 ** (position back / half-life) where a visitor did something with an item.

        Args:
            n_items: N.
            half_life_items: None weighs all alike.
        """
        end = np.repeat(self.start[1:], np.diff(self.start))
        back = end - 1 - np.arange(len(self.item))
        weights = recency_weights(back, half_life_items).astype(np.float32)
        return sparse.csr_matrix((weights, self.item, self.start), shape=(len(self), n_items))


@dataclass(frozen=True, eq=False)
class UserBatch:
    """Users to be scored against every item.

    Args:
        users: (B,) int64 user codes.
    """

    users: IntArray

    def blocks(self, size: int) -> Iterator["UserBatch"]:
        """Cut the batch into batches of at most `size` users, in order."""
        for start in range(0, len(self.users), size):
            yield UserBatch(self.users[start : start + size])


@dataclass(frozen=True, eq=False)
class PairBatch:
    """Pairs to be scored: user `users[p]` with item `items[p]`.

    Args:
        users: (P,) int64 user codes.
        items: (P,) int64 item codes.
    """

    users: IntArray
    items: IntArray

    def __post_init__(self) -> None:
        if self.users.shape != self.items.shape or self.users.ndim != 1:
            raise ValueError(
                f"pairs need as many users as items, got {self.users.shape} and {self.items.shape}"
            )


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

    def parameters(self) -> dict[str, Parameter]:
        """Return what the matcher was made with: enough to make it again."""
        ...

    def save(self, folder: Path) -> None:
        """Write the fitted matcher as safetensors and JSON."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a matcher that `save` wrote."""
        ...


class PairMatcher(Protocol):
    """A matcher that is too dear for all pairs: it scores a sample of users' best candidates.

    Fusion leaves it out: it would have to count 0 for everybody outside the sample. `polyrec relevance` says
    what it is worth on the sample, and a cheap student may learn from it.
    """

    name: str

    def fit(self, data: TrainingData, candidates: PairBatch) -> None:
        """Learn from one fit window, and from what other matchers propose there."""
        ...

    def score_pairs(self, pairs: PairBatch) -> FloatArray:
        """Return (P,) float32: higher is better among the pairs of one user; finite for unknown users too."""
        ...

    def parameters(self) -> dict[str, Parameter]:
        """Return what the matcher was made with."""
        ...


@runtime_checkable
class VisitorMatcher(Protocol):
    """A matcher that scores people whom no fit window knows, without learning anything anew."""

    proposes: bool
    """As in `Matcher`."""

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32: what a user with this history and these interests would get."""
        ...


@runtime_checkable
class TextMatcher(Protocol):
    """A matcher that can say which of an item's texts decided."""

    def best_slot(self, pairs: PairBatch) -> IntArray:
        """Return (P,) int64: the slot that matched best, -1 where user or item has nothing to match."""
        ...


@dataclass(frozen=True, eq=False)
class SearchSpace:
    """Scores that are the largest inner product of a user's vectors with an item's.

    Args:
        items: (N, K, D) float32; zeros are no vector, and an item without any scores 0.
        users: (U, I, D) float32; zeros are no vector, and for a user without any everything scores 0.
    """

    items: FloatArray
    users: FloatArray


@runtime_checkable
class SearchableMatcher(Protocol):
    """A matcher whose best items can be searched for, without a score of everything."""

    def search_space(self) -> SearchSpace | None:
        """Return what `score` is the largest inner product of; None when it is something else."""
        ...


def _check_codes(name: str, codes: IntArray, n: int) -> None:
    """Refuse codes outside 0..n-1."""
    if len(codes) and not (codes.min() >= 0 and codes.max() < n):
        raise ValueError(f"{name} codes must be between 0 and {n - 1}, got {codes.min()} to {codes.max()}")
