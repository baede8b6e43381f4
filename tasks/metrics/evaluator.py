"""The one evaluator: every list, ours or a peer's, gets all its metrics here.

Metric names are `<name>_at_<k>`, the same in the warehouse, in MLflow and in reports.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tasks.arrays.types import Codes, Flags, Floats
from tasks.metrics import diversity, exposure, ranking
from tasks.metrics.lists import check_lists
from tasks.metrics.ranking import contains, mean_defined, shape_of


@dataclass(frozen=True)
class Truth:
    """What lists are evaluated against. Rows are the users whose lists are evaluated."""

    relevant: csr_array
    """(U, N) bool: events of the evaluated part."""
    history: csr_array
    """(U, N) bool: events of the fit window."""
    categories: Flags
    """(N, C) bool."""
    k: int = 10
    """Length of the lists."""
    vectors: NDArray[np.float32] | None = None
    """(N, D) unit vectors of title and categories, for ild_embedding."""
    all_history: csr_array | None = None
    """(H, N) events of every training user, for novelty, where the rows are only some of them."""
    recommendable: Flags | None = None
    """(N,) bool, which items lists may hold: the catalogue of coverage and the like; all of them when None.
    Events of the others are not relevant: leave them out of `relevant`."""

    def __post_init__(self) -> None:
        """Refuse shapes that do not belong together."""
        if self.k < 1:
            raise ValueError(f"k must be at least 1, got {self.k}; set it in [evaluation] k")
        if self.relevant.shape != self.history.shape or len(self.categories) != shape_of(self.relevant)[1]:
            raise ValueError(
                f"relevant {self.relevant.shape}, history {self.history.shape} and categories "
                f"{self.categories.shape} differ in users or items; make them from the same id lists"
            )
        if self.recommendable is not None and (lost := self.relevant[:, ~self.recommendable].nnz):
            raise ValueError(
                f"{lost} relevant events are of items that may not be "
                "recommended; leave them out: no list can hold them"
            )

    @cached_property
    def n_relevant(self) -> NDArray[np.int64]:
        """(U,) number of relevant items."""
        return np.diff(self.relevant.indptr).astype(np.int64)

    @cached_property
    def obvious(self) -> csr_array:
        """(U, N) see `obvious_items`; made once, since it is the same for every model."""
        return diversity.obvious_items(self.history, self.categories, self.k, self.recommendable)


@dataclass(frozen=True)
class Evaluation:
    """The metrics of one model's lists."""

    metrics: dict[str, float]
    """Name to value: means over users with relevant items, and metrics of all lists together."""
    per_user: dict[str, Floats]
    """Name to (U,) values; NaN for users without relevant items, and where a metric is not defined."""
    exposure: csr_array
    """(U, N') times an item is in a user's list, of the N' items that may be recommended."""
    hit_exposure: csr_array
    """(U, N) the same, of hits only."""


def truths_at(truth: Truth, all_k: Sequence[int]) -> list[Truth]:
    """The same truth for each length of list."""
    return [truth if k == truth.k else replace(truth, k=k) for k in all_k]


def evaluate_at(items: Codes, truths: Sequence[Truth]) -> Evaluation:
    """Evaluate lists (U, the largest k or more) at several lengths; exposures are those of the first."""
    first, *others = [evaluate_lists(items, truth) for truth in truths]
    metrics, per_user = dict(first.metrics), dict(first.per_user)
    for other in others:
        metrics |= other.metrics
        per_user |= other.per_user
    return replace(first, metrics=metrics, per_user=per_user)


def evaluate_lists(items: Codes, truth: Truth) -> Evaluation:
    """Evaluate lists (U, k or more) of item codes, best first, padded with -1."""
    k = truth.k
    n_users, n_items = shape_of(truth.relevant)
    check_lists(items, n_users, n_items, k)
    items = items[:, :k]
    hits = contains(truth.relevant, items)
    n_relevant = truth.n_relevant
    per_user = {
        "ndcg": ranking.ndcg(hits, n_relevant),
        "recall": ranking.recall(hits, n_relevant),
        "precision": ranking.precision(hits, n_relevant),
        "hit_rate": ranking.hit_rate(hits, n_relevant),
        "mrr": ranking.mrr(hits, n_relevant),
        "map": ranking.average_precision(hits, n_relevant),
        "ild": diversity.ild(items, truth.categories),
        "novelty": diversity.novelty(
            items, truth.history if truth.all_history is None else truth.all_history
        ),
        "calibration": diversity.calibration(items, truth.history, truth.categories),
        "serendipity": diversity.serendipity(items, hits, truth.obvious),
    }
    if truth.vectors is not None:
        per_user["ild_embedding"] = diversity.ild_embedding(items, truth.vectors)
    if not truth.categories.any():
        for needs_categories in ("ild", "calibration", "serendipity"):
            del per_user[needs_categories]
    with_relevant = n_relevant > 0
    named = {f"{name}_at_{k}": np.where(with_relevant, values, np.nan) for name, values in per_user.items()}

    shown = exposure.exposure_matrix(items, n_items)
    shown_hits = exposure.exposure_matrix(items, n_items, hits)
    if truth.recommendable is not None and not truth.recommendable.all():
        shown, shown_hits = shown[:, truth.recommendable], shown_hits[:, truth.recommendable]
    counts = shown.sum(axis=0)
    metrics = {name: mean_defined(values) for name, values in named.items()}
    metrics[f"coverage_at_{k}"] = float(exposure.coverage(counts))
    metrics[f"hit_coverage_at_{k}"] = float(exposure.coverage(shown_hits.sum(axis=0)))
    metrics[f"effective_catalogue_at_{k}"] = float(exposure.effective_catalogue(counts))
    metrics[f"gini_at_{k}"] = float(exposure.gini(counts))
    return Evaluation(metrics, named, shown, shown_hits)
