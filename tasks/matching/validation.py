"""What a matcher's own lists are worth: of the train fit on validation, or of a part of it on the rest."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tasks.arrays.types import Flags, Floats
from tasks.matching.contract import Matcher, TrainingData, UserBatch
from tasks.matching.retrieve import check_finite, top_items
from tasks.metrics.diversity import ild
from tasks.metrics.exposure import effective_catalogue
from tasks.metrics.ranking import contains, mean_defined, ndcg

UNFIT = (ValueError, ArithmeticError, np.linalg.LinAlgError)
"""What settings that cannot be fitted raise."""


@dataclass(frozen=True)
class Figures:
    """What lists are worth, and what they cost."""

    ndcg: Floats
    """(V,) of each user with relevant items."""
    effective_catalogue: float
    ild: float
    """NaN for data without categories."""
    fit_seconds: float
    score_seconds: float

    @property
    def mean_ndcg(self) -> float:
        """What a search looks for."""
        return float(self.ndcg.mean())


class Validation:
    """Fits matchers on the train window and evaluates their lists on validation, as a report does."""

    def __init__(
        self, data: TrainingData, relevant: csr_array, recommendable: Flags, k: int, block_users: int
    ) -> None:
        """Take the train fit, the events of validation (U, N) and what may be recommended (N,)."""
        self.data, self.recommendable, self.k, self._block = data, recommendable, k, block_users
        self.users: NDArray[np.int64] = np.flatnonzero(np.diff(relevant.indptr) > 0)
        """(V,) codes of the users with relevant items."""
        self._relevant = relevant[self.users]

    def __call__(self, matcher: Matcher) -> Figures:
        """Fit a matcher and evaluate its lists."""
        start = perf_counter()
        matcher.fit(self.data)
        fitted = perf_counter()
        lists = self._lists(matcher)
        scored = perf_counter()
        shown = np.bincount(lists[lists >= 0], minlength=self.data.n_items)[self.recommendable]
        return Figures(
            self._ndcg(lists),
            float(effective_catalogue(shown.astype(np.float64))),
            mean_defined(ild(lists, self.data.categories)) if self.data.categories.any() else float("nan"),
            fitted - start,
            scored - fitted,
        )

    def ndcg(self, matcher: Matcher) -> Floats:
        """(V,) the NDCG of a fitted matcher's lists."""
        return self._ndcg(self._lists(matcher))

    def _ndcg(self, lists: NDArray[np.int64]) -> Floats:
        return ndcg(contains(self._relevant, lists), np.diff(self._relevant.indptr).astype(np.int64))

    def _lists(self, matcher: Matcher) -> NDArray[np.int64]:
        """(V, k) item codes, -1 padded."""
        batches = UserBatch(self.users).blocks(self._block)
        return np.concatenate([self._lists_of(matcher, batch) for batch in batches])

    def _lists_of(self, matcher: Matcher, batch: UserBatch) -> NDArray[np.int64]:
        """(B, k) item codes, -1 padded."""
        allowed = np.tile(self.recommendable, (len(batch.users), 1))
        allowed[self.data.had[batch.users].nonzero()] = False
        scores = matcher.score(batch)
        check_finite(matcher.name, scores, batch.users[:, None], np.arange(self.data.n_items))
        return top_items(scores, self.k, allowed)
