"""Matching in two steps: every matcher proposes its best items, then all of them score the union exactly."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from tasks.matching.contract import FloatArray, IntArray, Matcher, PairBatch, TrainingData, UserBatch
from tasks.matching.top_k_index import TopKIndex

# One row per (user, item, matcher). own_rank is null where the matcher itself did not propose the item.
SCHEMA = {
    "user": pl.Int64,
    "item": pl.Int64,
    "matcher": pl.String,
    "score": pl.Float32,
    "own_rank": pl.Int32,
    "slot": pl.Int32,
}


def top_items(scores: FloatArray, m: int, allowed: NDArray[np.bool_]) -> IntArray:
    """Return (B, m) codes of allowed (B, N) items, best first, ties by lower code; -1 where too few are."""
    n_rows, n_items = scores.shape
    out = np.full((n_rows, m), -1, dtype=np.int64)
    width = min(m, n_items)
    if width == 0 or n_rows == 0:
        return out
    masked = np.where(allowed, scores, np.float32(-np.inf))
    threshold = np.partition(masked, n_items - width, axis=1)[:, n_items - width, None]
    chosen = masked > threshold
    tied = masked == threshold
    # Of the items that tie at the border, the lowest codes fill the places that are left.
    chosen |= tied & (np.cumsum(tied, axis=1) <= width - chosen.sum(axis=1, keepdims=True))
    items = np.nonzero(chosen)[1].reshape(n_rows, width)
    best = np.take_along_axis(masked, items, axis=1)
    order = np.argsort(-best, axis=1, kind="stable")
    items = np.take_along_axis(items, order, axis=1)
    out[:, :width] = np.where(np.isneginf(np.take_along_axis(best, order, axis=1)), -1, items)
    return out


@dataclass(frozen=True)
class Retrieval:
    """Every matcher's score of every candidate, user by user.

    Candidates of a user are the union of the matchers' top m of what may be recommended, without what the
    user had in the fit window. A block of users is scored at once, one (B, N) matrix a matcher: memory
    depends on the block, not on the users. A matcher that has an index proposes without a matrix and scores
    the candidates alone.

    Args:
        matchers: fitted on `data`.
        data: the fit window.
        block: users scored at once.
        m: each matcher that proposes any proposes so many items.
        recommendable: (N,) which items may be candidates; all of them when None.
        hidden: (U, N) bool, what users are not shown again; all that they had when None.
        indexes: by matcher, in which its best items are searched for.
        seconds: what each matcher's scoring has taken so far.
    """

    matchers: Sequence[Matcher]
    data: TrainingData
    block: int
    m: int
    recommendable: NDArray[np.bool_] | None = None
    hidden: csr_matrix | None = None
    indexes: Mapping[str, TopKIndex] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.block < 1 or self.m < 1:
            raise ValueError(
                f"block and m must be at least 1, got {self.block} and {self.m}; set them in [matching]"
            )

    def candidates(self, users: IntArray) -> Iterator[pl.DataFrame]:
        """Yield, per block of users (U',), their candidates as a frame of `SCHEMA`."""
        kept_back = self.data.had if self.hidden is None else self.hidden
        for batch in UserBatch(users).blocks(self.block):
            own = [self._own(matcher, batch, kept_back[batch.users]) for matcher in self.matchers]
            ranks = [_ranks(top, self.data.n_items) for _, top in own]
            rows, items = np.nonzero(np.any([rank > 0 for rank in ranks], axis=0))
            pairs = PairBatch(batch.users[rows], items)
            frames = []
            for matcher, (matrix, _), rank in zip(self.matchers, own, ranks, strict=True):
                if matrix is None:
                    with self._timed(matcher):
                        of_pairs = matcher.score_pairs(pairs)
                    check_finite(matcher.name, of_pairs, pairs.users, pairs.items)
                else:
                    of_pairs = matrix[rows, items]
                frames.append(_frame(matcher, pairs, of_pairs, rank[rows, items]))
            yield pl.concat(frames)

    def _own(
        self, matcher: Matcher, batch: UserBatch, kept_back: csr_matrix
    ) -> tuple[FloatArray | None, IntArray]:
        """Return a matcher's scores (B, N), None with an index, and what it proposes (B, m)."""
        if matcher.name in self.indexes:
            with self._timed(matcher):
                index = self.indexes[matcher.name]
                return None, index.top(batch.users, self.m, kept_back, self.recommendable)
        with self._timed(matcher):
            matrix = matcher.score(batch)
        check_finite(matcher.name, matrix, batch.users[:, None], np.arange(self.data.n_items))
        allowed = np.ones(matrix.shape, dtype=bool)
        if self.recommendable is not None:
            allowed &= self.recommendable
        allowed[kept_back.nonzero()] = False
        return matrix, top_items(matrix, self.m if matcher.proposes else 0, allowed)

    @contextmanager
    def _timed(self, matcher: Matcher) -> Iterator[None]:
        """Add the time that passes to the matcher's."""
        start = perf_counter()
        yield
        self.seconds[matcher.name] = self.seconds.get(matcher.name, 0.0) + perf_counter() - start


def check_finite(name: str, scores: FloatArray, users: IntArray, items: IntArray) -> None:
    """Refuse scores that cannot be ordered: (B, N) of users (B, 1) and items (N,), or (P,) of pairs."""
    wrong = ~np.isfinite(scores)
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0])
        user, item = (np.broadcast_to(codes, scores.shape)[at] for codes in (users, items))
        raise ValueError(
            f"matcher {name} gave {scores[at]} for user code {user}, item code {item}; scores must be "
            "finite: look at what it was fitted on"
        )


def _ranks(top: IntArray, n_items: int) -> NDArray[np.int32]:
    """Return (B, N): the rank from 1 of the items of each row of top (B, m), 0 for all others."""
    rows, places = np.nonzero(top >= 0)
    ranks = np.zeros((len(top), n_items), dtype=np.int32)
    ranks[rows, top[rows, places]] = places + 1
    return ranks


def _frame(matcher: Matcher, pairs: PairBatch, scores: FloatArray, ranks: NDArray[np.int32]) -> pl.DataFrame:
    """Lay one matcher's scores of the candidates out as rows."""
    slots = matcher.best_slot(pairs)
    frame = pl.DataFrame(
        {"user": pairs.users, "item": pairs.items, "score": scores, "own_rank": ranks, "slot": slots}
    )
    return frame.with_columns(
        pl.lit(matcher.name).alias("matcher"),
        pl.when(pl.col("own_rank") > 0).then("own_rank"),
        pl.when(pl.col("slot") >= 0).then("slot"),
    ).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
