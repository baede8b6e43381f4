"""The dial on validation, out of fold: what every re-ranker gives and costs at each of its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from tasks.arrays.codes import text_tensor
from tasks.arrays.types import Flags, Floats
from tasks.evaluation.truth import read_truth
from tasks.fusion.candidates import Candidates
from tasks.fusion.methods import accurate_model
from tasks.fusion.model import WEIGHTED, FusionModel, Point
from tasks.fusion.rerank import RERANKERS, picked_items, rerank
from tasks.fusion.rerank_head import RerankContext
from tasks.fusion.similarity import mean_text_vectors
from tasks.metrics.evaluator import Truth, evaluate_lists
from tasks.metrics.folds import folds_of
from tasks.metrics.ranking import contains
from tasks.settings import Settings
from warehouse.columns import TRAIN, USER, VALIDATION
from warehouse.connection import Warehouse

DIALS = (0.0, 0.25, 0.5, 0.75, 1.0)
NORMALISER = "zscore"
INVERSE_POPULARITY = "inverse_popularity"
SHARES = (0.0, 0.15, 0.3)  # of the weights that inverse_popularity is given, where it is among the matchers
COST = 0.02  # of the NDCG that a gain in effective catalogue may cost
METRICS = ("ndcg", "effective_catalogue", "ild", "ild_embedding", "calibration", "hit_coverage")
TURNED = {"mmr": ("ild", "ild_embedding"), "dpp": ("ild", "ild_embedding"), "calibrated": ("calibration",)}
"""What the dial of each re-ranker is to raise; calibrated lists lower theirs."""


@dataclass(frozen=True)
class ValidationUsers:
    """Users of validation with their candidates, and what their lists are evaluated against."""

    candidates: Candidates
    truth: Truth
    context: RerankContext
    fold: np.ndarray
    """(U,) 0 or 1."""

    @classmethod
    def read(cls, warehouse: Warehouse, settings: Settings) -> "ValidationUsers":
        """Read the scores of fit `train` and the events of validation."""
        truth, evaluated, item_ids = read_truth(warehouse, settings, VALIDATION)
        matchers = list(settings.matching.matchers)
        rows = warehouse.query("candidate_scores", fit=TRAIN, matchers=matchers)
        user_ids = warehouse.query("users")[USER].to_list()
        candidates = Candidates.from_frame(rows, user_ids, item_ids, matchers)
        code = {user_id: row for row, user_id in enumerate(user_ids)}
        wanted = np.array([code[user_id] for user_id in evaluated])
        has_candidates = np.isin(wanted, candidates.users)
        at = np.searchsorted(candidates.users, wanted[has_candidates])
        truth = replace(truth, relevant=truth.relevant[has_candidates], history=truth.history[has_candidates])
        vectors = mean_text_vectors(text_tensor(warehouse.query("live_text_vectors"), item_ids))
        context = RerankContext.assemble(vectors, truth.categories, truth.history)
        kept = [user_id for user_id, has in zip(evaluated, has_candidates, strict=True) if has]
        return cls(candidates.take(at), truth, context, folds_of(kept, settings.seed))

    @property
    def relevant(self) -> Flags:
        """(U, C)."""
        return contains(self.truth.relevant, self.candidates.items)

    def scores(self, inverse_popularity: float, seed: int) -> Floats:
        """(U, C) of a weighted sum, with weights that the other fold of the users made likeliest.

        Args:
            inverse_popularity: the share of the weights that inverse_popularity gets.
            seed: of what is learned.
        """
        out = np.full(self.candidates.items.shape, -np.inf)
        for fold in (0, 1):
            mine, others = np.flatnonzero(self.fold == fold), np.flatnonzero(self.fold != fold)
            learned = accurate_model(
                WEIGHTED, NORMALISER, self.candidates.take(others), self.relevant[others], seed
            )
            out[mine] = _rarer(learned, inverse_popularity).scores(self.candidates.take(mine))
        return out

    def metrics(self, scores: Floats, reranker: str, dial: float) -> dict[str, float]:
        """The metrics of the lists that a re-ranker makes of scores (U, C)."""
        context = replace(self.context, reranker=reranker)
        places = rerank(scores, self.candidates.items, context, dial, self.truth.k)
        found = evaluate_lists(picked_items(self.candidates.items, places), self.truth).metrics
        named = {name: f"{name}_at_{self.truth.k}" for name in METRICS}
        return {name: found[metric] for name, metric in named.items() if metric in found}


def dial_figures(users: ValidationUsers, seed: int) -> dict[str, Any]:
    """Return the table, how steadily each dial turns, and the most catalogue that 2% of the NDCG buys."""
    shares = SHARES if INVERSE_POPULARITY in users.candidates.matchers else SHARES[:1]
    rows = []
    for share in shares:
        scores = users.scores(share, seed)
        for name in RERANKERS:
            for dial in DIALS:
                figures = users.metrics(scores, name, dial)
                rows.append({"inverse_popularity": share, "reranker": name, "dial": dial, **figures})
    return {"rows": rows, "spearman": _spearman(rows), "catalogue_for_2_percent_ndcg": _bought(rows)}


def _rarer(model: FusionModel, share: float) -> FusionModel:
    """The model with a share of its weights given to inverse_popularity."""
    if not share:
        return model
    weights = {name: (1 - share) * weight for name, weight in model.weights.items()}
    return model.at(
        Point({**weights, INVERSE_POPULARITY: weights[INVERSE_POPULARITY] + share}, model.diversity)
    )


def _spearman(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Re-ranker and metric to the rank correlation of the dial with the mean; at the searched weights."""
    out: dict[str, dict[str, float]] = {}
    for name, metrics in TURNED.items():
        of_name = [row for row in rows if row["reranker"] == name and row["inverse_popularity"] == 0]
        for metric in metrics:
            if metric in of_name[0]:
                found = spearmanr([row["dial"] for row in of_name], [row[metric] for row in of_name])
                out.setdefault(name, {})[metric] = float(found[0])  # pyright: ignore[reportArgumentType]
    return out


def _bought(rows: list[dict[str, Any]]) -> Mapping[str, Any]:
    """Return the setting that uses most of the catalogue at 98% of the NDCG of the order by score."""
    plain = rows[0]
    near = [row for row in rows if row["ndcg"] >= (1 - COST) * plain["ndcg"]]
    best = max(near, key=lambda row: row["effective_catalogue"])
    return {
        **{name: best[name] for name in ("inverse_popularity", "reranker", "dial")},
        "ndcg": best["ndcg"] / plain["ndcg"],
        "effective_catalogue": best["effective_catalogue"] / plain["effective_catalogue"],
    }
