"""The metrics of one trial of the weight search: of the lists that some weights and a dial give, at k."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from tasks.arrays.types import Codes, Flags, Floats, Positions
from tasks.fusion.candidates import Candidates
from tasks.fusion.model import FusionModel, fused_scores
from tasks.fusion.points import TrialMetrics
from tasks.fusion.rerank import picked_items, rerank
from tasks.fusion.rerank_head import RerankContext
from tasks.metrics.diversity import ild
from tasks.metrics.exposure import effective_catalogue
from tasks.metrics.ranking import contains, mean_defined, ndcg


@dataclass(frozen=True)
class Validation:
    """What lists are validated against, for all U users and N items."""

    relevant: csr_array
    """(U, N) bool: events of the part to choose on."""
    user_ids: Sequence[str]
    """Sorted."""
    categories: Flags
    """(N, C)."""
    context: RerankContext
    """What re-ranking goes by."""
    recommendable: Flags | None = None
    """(N,) which items lists may hold: the catalogue that they use; all when None."""


class Objective:
    """NDCG@k and diversity over some users; everything that no weight changes is made once."""

    def __init__(self, candidates: Candidates, model: FusionModel, validation: Validation, k: int) -> None:
        """Normalise the scores of U' users and look up which candidates are relevant.

        Users without a relevant item are left out of the means. The model says what is weighed; its own
        weights and dial do not count.
        """
        of_users = validation.relevant[candidates.users]
        self.n_relevant: Codes = np.diff(of_users.indptr).astype(np.int64)
        self.k, self.items = k, candidates.items
        self._present = candidates.present
        self._features = model.features(candidates)
        self._is_relevant = contains(of_users, candidates.items)  # (U', C)
        self._categories, shown = validation.categories, validation.recommendable
        self._recommendable = np.ones(len(self._categories), dtype=bool) if shown is None else shown
        self._context = validation.context.of(candidates.users)

    def lists(self, weights: Floats, diversity: float, category_cap: int) -> Positions:
        """(U', k) positions among the candidates, -1 padded."""
        scores = np.where(self._present, fused_scores(self._features, weights), -np.inf)
        return rerank(
            scores, self.items, replace(self._context, category_cap=category_cap), diversity, self.k
        )

    def __call__(self, weights: Floats, diversity: float, category_cap: int = 0) -> TrialMetrics:
        """NDCG@k and ild as means over the users with relevant items, and the catalogue that their lists use.

        Weights (F,) are of the model's columns, non-negative; the dial is 0 to 1; a cap of 0 is none.
        """
        places = self.lists(weights, diversity, category_cap)
        hits = (places >= 0) & np.take_along_axis(self._is_relevant, places, axis=1)
        items = picked_items(self.items, places)[self.n_relevant > 0]
        shown = np.bincount(items[items >= 0], minlength=len(self._categories)).astype(np.float64)
        shown = shown[self._recommendable]
        accuracy = mean_defined(ndcg(hits, self.n_relevant))
        diverse = mean_defined(ild(items, self._categories))
        # A search needs numbers: data without categories, say, has no ild.
        return TrialMetrics(
            float(np.nan_to_num(accuracy)), float(np.nan_to_num(diverse)), float(effective_catalogue(shown))
        )
