"""Cosine between a user's interests and the K texts of every item, reduced over K."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tasks.arrays.vectors import centred
from tasks.matching.base import ArrayMatcher
from tasks.matching.contract import (
    FloatArray,
    IntArray,
    PairBatch,
    SearchSpace,
    TrainingData,
    UserBatch,
    VisitorBatch,
)
from tasks.matching.reductions import NONE, log_mean_exp, maximum
from tasks.matching.whitening import mapped, whitening_matrix
from tasks.settings.matchers import CosineSettings, TextCosineSettings

PAIR_BLOCK = 4096  # pairs of one user whose text vectors are copied at once
TextCosineT = TypeVar("TextCosineT", bound=TextCosineSettings)


class TextCosine(ArrayMatcher[TextCosineT]):
    """The best of a user's interests against an item's texts, whose cosines are reduced over K.

    Texts are centred on their mean, as interests are on the mean item, and both go through the same whitening
    map. A missing text is left out; with nothing to match the score is 0, which is what an average text gets.
    """

    reads_texts = True
    of_users = ("interests",)

    def fit(self, data: TrainingData) -> None:
        """Centre and whiten the texts, lay them out by slot, and send interests through the same map."""
        texts = centred(data.text_vectors)  # (N, K, D)
        matrix = whitening_matrix(texts, self.settings.whitening)
        texts = np.ascontiguousarray(mapped(texts, matrix).swapaxes(0, 1))  # (K, N, D)
        self._arrays = {
            "n_users": np.array([data.n_users]),
            "texts": texts,
            "there": np.any(texts != 0, axis=-1),  # (K, N)
            "interests": np.ascontiguousarray(mapped(data.interests, matrix)),
        }
        if matrix is not None:
            self._arrays["whitening"] = matrix

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32, the maximum over interests of the reduction over slots."""
        return self._best(self._array("interests")[self._known(users.users)])

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32: the same for interests that are brought along."""
        self._array("texts")  # refuses when nothing is fitted
        return self._best(mapped(visitors.interests, self._arrays.get("whitening")))

    def _best(self, interests: FloatArray) -> FloatArray:
        """Score interests (B, I, D): (B, N)."""
        texts, there = self._array("texts"), self._array("there")
        out = np.full((len(interests), texts.shape[1]), NONE, dtype=np.float32)
        for interest in interests.swapaxes(0, 1):  # (B, D)
            rows = np.flatnonzero(np.any(interest != 0, axis=1))
            if not len(rows):
                continue
            if len(rows) == len(interest):
                np.maximum(out, self._reduced(interest, texts, there, None), out=out)
            else:
                out[rows] = np.maximum(out[rows], self._reduced(interest[rows], texts, there, None))
        out[np.isneginf(out)] = 0
        return out

    @abstractmethod
    def _reduced(
        self, interests: FloatArray, texts: FloatArray, there: NDArray[np.bool_], items: IntArray | None
    ) -> FloatArray:
        """Reduce interests (R, D), none of them zero, with texts (K, N, D), which are `there` (K, N) or not.

        Returns (R, N), -inf where an item has no text; `items` says which N they are, when they are not all.
        """

    def _importance(self, interests: FloatArray, similarity: FloatArray) -> FloatArray:
        """Say which slot decides: (K, R, P), the higher the more, from similarities (K, R, P)."""
        return similarity

    def score_pairs(self, pairs: PairBatch) -> FloatArray:
        """Return (P,) float32, from the vectors of the pairs alone."""
        return self._match(pairs)[0]

    def best_slot(self, pairs: PairBatch) -> IntArray:
        """Return (P,) int64: the slot that weighs most for the interest that decided, -1 for none."""
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
        reduced = self._reduced(interests, texts, there, items)  # (I, P)
        similarity = np.stack(list(similarities(interests, texts, there)))  # (K, I, P)
        pair = np.arange(len(items))
        interest = reduced.argmax(axis=0)
        slot = self._importance(interests, similarity)[:, interest, pair].argmax(axis=0)
        known = there.any(axis=0)
        return np.where(known, reduced[interest, pair], 0), np.where(known, slot, -1)


class Cosine(TextCosine[CosineSettings]):
    """The cosines of an item's texts at their best, together, or in between, as the name says.

    The mean over K of inner products is the inner product with the mean vector, so it costs one slot; the
    others run slot by slot, so that only a few (B, N) matrices live at once.
    """

    @property
    def reduction(self) -> str:
        """Of an item's texts: "max", "mean" or "logsumexp"."""
        return self.name.removeprefix("cosine_")

    def fit(self, data: TrainingData) -> None:
        """Lay texts and interests out, and the mean text where that is all that counts."""
        super().fit(data)
        if self.reduction == "mean":
            n_texts = np.maximum(self._arrays["there"].sum(axis=0), 1)  # (N,)
            mean_text = self._arrays["texts"].sum(axis=0) / n_texts[:, None]
            self._arrays["mean_text"] = mean_text.astype(np.float32)

    def search_space(self) -> SearchSpace | None:
        """Return texts, or their means, and interests, where scores are their largest inner products."""
        if self.reduction == "logsumexp":
            return None
        texts = self._array("texts") if self.reduction == "max" else self._array("mean_text")[None]
        return SearchSpace(texts.swapaxes(0, 1), self._array("interests"))

    def _reduced(
        self, interests: FloatArray, texts: FloatArray, there: NDArray[np.bool_], items: IntArray | None
    ) -> FloatArray:
        if self.reduction == "mean":
            mean_text = self._array("mean_text") if items is None else self._array("mean_text")[items]
            return next(similarities(interests, mean_text[None], np.any(there, axis=0)[None]))
        by_slot = similarities(interests, texts, there)
        if self.reduction == "max":
            return maximum(by_slot)
        return log_mean_exp(by_slot, self.settings.temperature)


def similarities(
    interests: FloatArray, targets: FloatArray, present: NDArray[np.bool_]
) -> Iterator[FloatArray]:
    """Yield interests (R, D) times each slot of targets (K, N, D): (R, N), -inf where there is no text."""
    for target, there in zip(targets, present, strict=True):
        similarity = interests @ target.T
        if not there.all():
            similarity[:, ~there] = NONE
        yield similarity
