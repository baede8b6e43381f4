"""Cosine between a user's interests and the K texts of every item, reduced over K."""

from typing import Literal, get_args

import numpy as np
from threadpoolctl import threadpool_limits

from tasks.matching.base import ArrayMatcher
from tasks.matching.contract import (
    FloatArray,
    IntArray,
    PairBatch,
    Parameter,
    SearchSpace,
    TrainingData,
    UserBatch,
    VisitorBatch,
)
from tasks.vectors import centred

Reduction = Literal["max", "mean"]
PAIR_BLOCK = 4096  # pairs of one user whose text vectors are copied at once


class Cosine(ArrayMatcher):
    """The best of a user's interests against an item's texts, taken at their best (max) or together (mean).

    Texts are centred on their mean, as interests are on the mean item. The mean over K of inner products is
    the inner product with the mean vector, so it costs one slot; the maximum runs slot by slot, so that
    only a few (B, N) matrices live at once. A missing text is left out; with nothing to match, the score is
    0, which is what an average text gets.

    Args:
        reduction: "max" or "mean".
    """

    reads_texts = True

    def __init__(self, reduction: Reduction) -> None:
        super().__init__()
        if reduction not in get_args(Reduction):
            raise ValueError(f"reduction must be one of {', '.join(get_args(Reduction))}, got {reduction!r}")
        self.reduction: Reduction = reduction
        self.name = f"cosine_{reduction}"

    def parameters(self) -> dict[str, Parameter]:
        """Return the arguments that make this matcher again."""
        return {"reduction": self.reduction}

    def fit(self, data: TrainingData) -> None:
        """Centre the texts and lay them out by slot."""
        texts = centred(data.text_vectors).swapaxes(0, 1)  # (K, N, D)
        there = np.any(texts != 0, axis=-1)  # (K, N)
        self._arrays = {
            "n_users": np.array([data.n_users]),
            "texts": np.ascontiguousarray(texts),
            "there": there,
            "interests": np.ascontiguousarray(data.interests),
        }
        if self.reduction == "mean":
            n_texts = np.maximum(there.sum(axis=0), 1)  # (N,)
            self._arrays["mean_text"] = (texts.sum(axis=0) / n_texts[:, None]).astype(np.float32)

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32 cosines, the maximum over interests of the reduction over slots."""
        return self._best(self._array("interests")[self._known(users.users)])

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32: the same for interests that are brought along."""
        return self._best(visitors.interests)

    def search_space(self) -> SearchSpace:
        """Return texts, or their means, and interests: scores are their largest inner products."""
        texts = self._array("texts") if self.reduction == "max" else self._array("mean_text")[None]
        return SearchSpace(texts.swapaxes(0, 1), self._array("interests"))

    def _best(self, interests: FloatArray) -> FloatArray:
        """Score interests (B, I, D): (B, N)."""
        targets, present = self._array("texts"), self._array("there")  # (K, N, D), (K, N)
        if self.reduction == "mean":
            targets, present = self._array("mean_text")[None], np.any(present, axis=0)[None]
        out = np.full((len(interests), targets.shape[1]), -np.inf, dtype=np.float32)
        for interest in interests.swapaxes(0, 1):  # (B, D)
            rows = np.flatnonzero(np.any(interest != 0, axis=1))
            if not len(rows):
                continue
            every = len(rows) == len(interest)
            for target, there in zip(targets, present, strict=True):
                similarity = (interest if every else interest[rows]) @ target.T  # (rows, N)
                if not there.all():
                    similarity[:, ~there] = -np.inf
                if every:
                    np.maximum(out, similarity, out=out)
                else:
                    out[rows] = np.maximum(out[rows], similarity)
        out[np.isneginf(out)] = 0
        return out

    def score_pairs(self, pairs: PairBatch) -> FloatArray:
        """Return (P,) float32, from the vectors of the pairs alone."""
        return self._match(pairs)[0]

    def best_slot(self, pairs: PairBatch) -> IntArray:
        """Return (P,) int64: the slot nearest to the interest that decided the score, -1 for none."""
        return self._match(pairs)[1]

    def _match(self, pairs: PairBatch) -> tuple[FloatArray, IntArray]:
        """Return the score and the slot of every pair, user by user: (P,) and (P,)."""
        scores = np.zeros(len(pairs.users), dtype=np.float32)
        slots = np.full(len(pairs.users), -1, dtype=np.int64)
        users, row = np.unique(self._known(pairs.users), return_inverse=True)
        order = np.argsort(row, kind="stable")
        starts = np.searchsorted(row[order], np.arange(len(users) + 1))
        # One user's product is too small to share among threads: BLAS would spend its time waking them.
        with threadpool_limits(limits=1, user_api="blas"):
            for number, interests in enumerate(self._array("interests")[users]):  # (I, D)
                interests = interests[np.any(interests != 0, axis=1)]
                if not len(interests):
                    continue
                for at in range(starts[number], starts[number + 1], PAIR_BLOCK):
                    chosen = order[at : min(at + PAIR_BLOCK, starts[number + 1])]
                    scores[chosen], slots[chosen] = self._match_items(interests, pairs.items[chosen])
        return scores, slots

    def _match_items(self, interests: FloatArray, items: IntArray) -> tuple[FloatArray, IntArray]:
        """Match one user's interests (I, D) with items (P,): scores (P,) and slots (P,)."""
        texts, there = self._array("texts")[:, items], self._array("there")[:, items]  # (K, P, D), (K, P)
        similarity = (interests @ texts.reshape(-1, texts.shape[2]).T).reshape(-1, *there.shape)  # (I, K, P)
        if self.reduction == "max":
            reduced = np.where(there, similarity, -np.inf).max(axis=1)  # (I, P)
        else:
            reduced = np.where(there, similarity, 0).sum(axis=1) / np.maximum(there.sum(axis=0), 1)
        pair = np.arange(len(items))
        interest = reduced.argmax(axis=0)
        slot = np.where(there.T, similarity[interest, :, pair], -np.inf).argmax(axis=1)
        known = there.any(axis=0)
        return np.where(known, reduced[interest, pair], 0), np.where(known, slot, -1)
