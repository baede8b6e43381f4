"""How matchers that score pairs only order the candidates of a sample of users, beside all other matchers.

Everything is fitted on `train` and evaluated on validation. What learns from the sample or from validation
(the student, fusion weights) is evaluated on the fold of the users that it did not learn from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import rankdata

from tasks.arrays.codes import category_matrix, codes, interaction_matrix
from tasks.arrays.types import Floats
from tasks.fusion.candidates import Candidates
from tasks.fusion.objective import Validation
from tasks.fusion.plan import Plan
from tasks.fusion.rerank_head import RerankContext
from tasks.fusion.similarity import mean_text_vectors
from tasks.fusion.tuning import tune
from tasks.matching.contract import PairBatch
from tasks.matching.data import Fit, relevance_labels_of
from tasks.matching.pairs.cross_encoder import CrossEncoder
from tasks.matching.pairs.language_model import LanguageModelRelevance, reduced
from tasks.matching.registry import build
from tasks.matching.relevance_labels import STUDENT, with_relevance
from tasks.matching.training_data import RelevanceLabels
from tasks.metrics.bootstrap import bootstrap_mean, paired_difference
from tasks.metrics.folds import folds_of
from tasks.metrics.ranking import contains, mean_defined, ndcg
from tasks.settings import Settings
from warehouse.columns import ITEM, MATCHER, SCORE, TEXT_ID, USER

TEACHER = LanguageModelRelevance.name
REDUCTIONS = ("max", "mean")
TOGETHER = "mean rank of the other matchers"
CHANCE = "chance"
CHANCE_ORDERS = 100


@dataclass(frozen=True)
class Sample:
    """The sample, as read of the warehouse."""

    window: Fit
    """Of fit `train`."""
    pairs: pl.DataFrame
    """user_id, item_id."""
    scores: pl.DataFrame
    """Rows of matching.scores of fit `train`, of the matchers that score all pairs."""
    labels: pl.DataFrame
    """Rows of features.relevance."""
    cross_encoded: pl.DataFrame
    """user_id, item_id, score of the cross-encoder."""
    relevant: pl.DataFrame
    """Events of validation that lists can hit."""
    items: pl.DataFrame
    recommendable: NDArray[np.bool_]


class Rescoring:
    """Codes and scores of the sample's P pairs, by user and item; V of its users have relevant items."""

    def __init__(self, sample: Sample, settings: Settings) -> None:
        self.sample, self.settings, self.window = sample, settings, sample.window
        evaluation = settings.evaluation
        self.k, self.resamples, self.seed = evaluation.k, evaluation.resamples, settings.seed
        self.pairs = sample.pairs.sort(USER, ITEM)
        self.batch = PairBatch(
            codes(self.pairs[USER], self.window.user_ids), codes(self.pairs[ITEM], self.window.item_ids)
        )
        self.relevant = interaction_matrix(sample.relevant, self.window.user_ids, self.window.item_ids)
        self.pairs_of = {
            int(user): np.flatnonzero(self.batch.users == user) for user in np.unique(self.batch.users)
        }
        self.users = [user for user in self.pairs_of if np.diff(self.relevant.indptr)[user] > 0]

    def answer(self) -> dict[str, Any]:
        """Compare every model on the sample: accuracy, cost of a pair, and what it adds to fusion."""
        sample, settings = self.sample, self.settings.matching.relevance
        known = sorted(set(sample.scores[MATCHER].unique()) - {STUDENT})
        scores = {name: self._of(sample.scores.filter(pl.col(MATCHER) == name)) for name in known}
        expensive = {TEACHER: self._teacher(settings.reduction, settings.per_token)}
        expensive[STUDENT], student = self._student()
        expensive[CrossEncoder.name] = self._of(sample.cross_encoded)
        together = -np.mean([self._ranks(scores[name]) for name in known], axis=0)
        rows = [self._row(name, one) for name, one in {**scores, TOGETHER: together, **expensive}.items()]
        rng = np.random.default_rng(self.seed)
        orders = [rng.random(self.pairs.height) for _ in range(CHANCE_ORDERS)]
        by_chance = np.mean([self._per_user(self._lists(order)) for order in orders], axis=0)
        rows.append(self._interval(CHANCE, by_chance))
        teacher_seconds = float(sample.labels["seconds"].sum())
        teacher = expensive[TEACHER]
        variants = [
            self._row(f"{reduction}{', per token' if per_token else ''}", self._teacher(reduction, per_token))
            for reduction in REDUCTIONS
            for per_token in (False, True)
        ]
        return {
            "users": int(sample.pairs[USER].n_unique()),
            "judged_users": len(self.users),
            "pairs": self.pairs.height,
            "texts": sample.labels.height,
            "tokens": int(sample.labels["n_tokens"].sum()),
            "k": self.k,
            "models": rows,
            "variants_of_the_language_model": variants,
            "student": {
                **student,
                "rank_correlation": self._correlation(expensive[STUDENT], teacher),
                "rank_correlation_of_the_cross_encoder": self._correlation(
                    expensive[CrossEncoder.name], teacher
                ),
            },
            "language_model": {
                "seconds": teacher_seconds,
                "ms_a_pair": 1000 * teacher_seconds / max(1, self.pairs.height),
            },
            "fusion": self._fusion(scores, {**expensive, CHANCE: orders[0]}),
        }

    def _of(self, rows: pl.DataFrame) -> Floats:
        """(P,) the scores of rows with user_id, item_id, score."""
        found = self.pairs.join(
            rows.select(USER, ITEM, SCORE), on=[USER, ITEM], how="left", maintain_order="left"
        )
        if missing := found[SCORE].null_count():
            raise ValueError(f"{missing} pairs of the sample have no score; run `polyrec relevance` again")
        return found[SCORE].cast(pl.Float64).to_numpy()

    def _teacher(self, reduction: str, per_token: bool) -> Floats:
        """(P,) the language model's relevance; a pair without text has its user's mean."""
        rows = with_relevance(self.sample.labels, per_token).join(
            self.pairs.with_row_index("pair"), on=[USER, ITEM]
        )
        pair, value = rows["pair"].cast(pl.Int64).to_numpy(), rows["relevance"].to_numpy()
        out = np.full(self.pairs.height, np.nan)
        out[np.unique(pair)] = reduced(value, pair, reduction)
        for mine in self.pairs_of.values():
            out[mine] = np.nan_to_num(out[mine], nan=np.nan_to_num(mean_defined(out[mine])))
        return out

    def _student(self) -> tuple[Floats, dict[str, float]]:
        """(P,) scores of students that never saw the user's fold, and what they cost."""
        rows = with_relevance(self.sample.labels, self.settings.matching.relevance.per_token)
        rows = rows.filter(
            pl.col(TEXT_ID).is_in([text for of in self.window.text_ids for text in of if text])
        )
        labels = relevance_labels_of(rows, self.window.text_ids, self.window.item_ids)
        ids = self.pairs[USER].unique().sort().to_list()
        folds = dict(zip(ids, folds_of(ids, self.seed), strict=True))
        of_label, of_pair = (np.array([folds[user] for user in one[USER]]) for one in (rows, self.pairs))
        out, fit_seconds, score_seconds, scored = np.zeros(self.pairs.height), 0.0, 0.0, 0
        for fold in (0, 1):
            student = build(STUDENT, self.settings.matching)
            others = of_label != fold
            seen = (getattr(labels, name)[others] for name in ("group", "item", "slot", "value"))
            start = perf_counter()
            student.fit(replace(self.window.data, relevance_labels=RelevanceLabels(labels.context, *seen)))
            fit_seconds += perf_counter() - start
            mine = np.flatnonzero(of_pair == fold)
            start = perf_counter()
            out[mine] = student.score_pairs(PairBatch(self.batch.users[mine], self.batch.items[mine]))
            score_seconds += perf_counter() - start
            scored += len(np.unique(self.batch.users[mine])) * self.window.data.n_items
        return out, {"fit_seconds": fit_seconds / 2, "ms_a_pair": 1000 * score_seconds / max(1, scored)}

    def _ranks(self, scores: Floats) -> Floats:
        """(P,) the rank of each pair among its user's, 1 the best."""
        out = np.empty(len(scores))
        for mine in self.pairs_of.values():
            out[mine] = rankdata(-scores[mine])
        return out

    def _correlation(self, a: Floats, b: Floats) -> dict[str, float]:
        """Spearman's rank correlation within a user's candidates: mean over users, with its interval."""
        first, second = self._ranks(a), self._ranks(b)
        values = []
        for mine in self.pairs_of.values():
            x, y = first[mine] - first[mine].mean(), second[mine] - second[mine].mean()
            length = np.sqrt((x @ x) * (y @ y))
            values.append(x @ y / length if length > 0 else np.nan)
        return bootstrap_mean(np.array(values), self.resamples, self.seed)._asdict()

    def _per_user(self, lists: NDArray[np.integer]) -> Floats:
        """(V,) NDCG of lists (V, k) of item codes."""
        of_users = self.relevant[self.users]
        return ndcg(contains(csr_array(of_users), lists), np.diff(of_users.indptr))

    def _lists(self, scores: Floats) -> NDArray[np.int64]:
        """(V, k) the best of each user's candidates, equal scores by lower code."""
        out = np.full((len(self.users), self.k), -1, dtype=np.int64)
        for row, user in enumerate(self.users):
            mine = self.pairs_of[user]
            best = mine[np.argsort(-scores[mine], kind="stable")][: self.k]
            out[row, : len(best)] = self.batch.items[best]
        return out

    def _row(self, name: str, scores: Floats) -> dict[str, Any]:
        return self._interval(name, self._per_user(self._lists(scores)))

    def _interval(self, name: str, values: Floats) -> dict[str, Any]:
        found = bootstrap_mean(values, self.resamples, self.seed)
        return {"model": name, f"ndcg_at_{self.k}": found.value, "low": found.low, "high": found.high}

    def _fusion(self, scores: Mapping[str, Floats], more: Mapping[str, Floats]) -> list[dict[str, Any]]:
        """Fusion of the matchers that score all pairs, and with each further one beside them, out of fold.

        What chance adds is what one more weight does by itself, chosen on a fold of so few users.
        """
        base = self._fused(scores)
        rows: list[dict[str, Any]] = [{"with": "", f"ndcg_at_{self.k}": mean_defined(base)}]
        for name, values in more.items():
            fused = self._fused({**scores, name: values})
            found = paired_difference(fused, base, self.resamples, self.seed)
            rows.append({"with": name, f"ndcg_at_{self.k}": mean_defined(fused), **found._asdict()})
        return rows

    def _fused(self, scores: Mapping[str, Floats]) -> Floats:
        """(V,) NDCG of lists made with weights that the other fold of the users chose, by accuracy alone."""
        frames = [
            self.pairs.with_columns(pl.lit(name).alias(MATCHER), pl.Series(SCORE, values))
            for name, values in scores.items()
        ]
        window = self.window
        candidates = Candidates.from_frame(pl.concat(frames), window.user_ids, window.item_ids, list(scores))
        categories, _ = category_matrix(self.sample.items["categories"].to_list())
        context = RerankContext.assemble(mean_text_vectors(window.data.text_vectors), categories)
        shown = self.sample.recommendable
        validation = Validation(self.relevant, window.user_ids, categories, context, shown)
        plan = Plan(self.k, self.settings.fusion.trials, 0.0, seed=self.seed)
        return self._per_user(tune(candidates, validation, plan, publish=False).items)
