"""How matchers that score pairs only order the candidates of a sample of users, beside all other matchers.

Everything is fitted on `train` and judged on validation. What learns from the sample or from validation (the
student, fusion weights) is judged on the half of the users that it did not learn from.
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
    judged: pl.DataFrame
    """Rows of features.relevance."""
    cross_encoded: pl.DataFrame
    """user_id, item_id, score of the cross-encoder."""
    held: pl.DataFrame
    """Events of validation that lists can be right about."""
    items: pl.DataFrame
    recommendable: NDArray[np.bool_]


def rescoring(sample: Sample, settings: Settings) -> dict[str, Any]:
    """Judge every model on the sample: accuracy, cost of a pair, and what it adds to fusion."""
    return _Rescoring(sample, settings).answer()


class _Rescoring:
    """Codes and scores of the sample's P pairs, by user and item."""

    def __init__(self, sample: Sample, settings: Settings) -> None:
        self.sample, self.settings, self.window = sample, settings, sample.window
        self.k = settings.evaluation.k
        pairs = sample.pairs.sort(USER, ITEM)
        self.pairs = pairs
        self.batch = PairBatch(
            codes(pairs[USER], self.window.user_ids), codes(pairs[ITEM], self.window.item_ids)
        )
        self.relevant = interaction_matrix(sample.held, self.window.user_ids, self.window.item_ids)
        self.users = np.unique(self.batch.users)
        self.users = self.users[np.diff(self.relevant.indptr)[self.users] > 0]

    def answer(self) -> dict[str, Any]:
        """All figures."""
        settings = self.settings.matching.relevance
        known = sorted(set(self.sample.scores[MATCHER].unique()) - {STUDENT})
        scores = {name: self._of(self.sample.scores.filter(pl.col(MATCHER) == name)) for name in known}
        scores[TOGETHER] = -np.mean([self._ranks(scores[name]) for name in known], axis=0)
        dear = {TEACHER: self._teacher(settings.reduction, settings.per_token)}
        dear[STUDENT], student = self._student()
        dear[CrossEncoder.name] = self._of(self.sample.cross_encoded)
        rows = [self._row(name, values) for name, values in (scores | dear).items()]
        rng = np.random.default_rng(self.settings.seed)
        orders = [rng.random(self.pairs.height) for _ in range(CHANCE_ORDERS)]
        by_chance = np.mean([self._per_user(self._lists(order)) for order in orders], axis=0)
        rows.append(self._interval(CHANCE, by_chance))
        teacher_seconds = float(self.sample.judged["seconds"].sum())
        variants = [
            self._row(f"{reduction}{', per token' if per_token else ''}", self._teacher(reduction, per_token))
            for reduction in REDUCTIONS
            for per_token in (False, True)
        ]
        return {
            "users": int(self.sample.pairs[USER].n_unique()),
            "judged_users": len(self.users),
            "pairs": self.pairs.height,
            "texts": self.sample.judged.height,
            "tokens": int(self.sample.judged["n_tokens"].sum()),
            "k": self.k,
            "models": rows,
            "variants_of_the_language_model": variants,
            "student": {
                **student,
                "rank_correlation": self._correlation(dear[STUDENT], dear[TEACHER]),
                "rank_correlation_of_the_cross_encoder": self._correlation(
                    dear[CrossEncoder.name], dear[TEACHER]
                ),
            },
            "language_model": {
                "seconds": teacher_seconds,
                "ms_a_pair": 1000 * teacher_seconds / max(1, self.pairs.height),
            },
            "fusion": self._fusion(known, scores, {**dear, CHANCE: orders[0]}),
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
        rows = with_relevance(self.sample.judged, per_token).join(
            self.pairs.with_row_index("pair"), on=[USER, ITEM]
        )
        pair, value = rows["pair"].cast(pl.Int64).to_numpy(), rows["relevance"].to_numpy()
        out = np.full(self.pairs.height, np.nan)
        out[np.unique(pair)] = reduced(value, pair, reduction)
        for user in np.unique(self.batch.users):
            mine = self.batch.users == user
            out[mine] = np.nan_to_num(out[mine], nan=np.nan_to_num(mean_defined(out[mine])))
        return out

    def _student(self) -> tuple[Floats, dict[str, float]]:
        """(P,) scores of students that never saw the user's half, and what they cost."""
        per_token = self.settings.matching.relevance.per_token
        judged = with_relevance(self.sample.judged, per_token)
        judged = judged.filter(
            pl.col(TEXT_ID).is_in([text for of in self.window.text_ids for text in of if text])
        )
        whole = relevance_labels_of(judged, self.window.text_ids, self.window.item_ids)
        ids = self.pairs[USER].unique().sort().to_list()
        half = dict(zip(ids, folds_of(ids, self.settings.seed), strict=True))
        of_row = np.array([half[user] for user in judged[USER]])
        of_pair = np.array([half[user] for user in self.pairs[USER]])
        out, fit_seconds, score_seconds, scored = np.zeros(self.pairs.height), 0.0, 0.0, 0
        for fold in (0, 1):
            student = build(STUDENT, self.settings.matching)
            start = perf_counter()
            student.fit(replace(self.window.data, relevance_labels=_some(whole, of_row != fold)))
            fit_seconds += perf_counter() - start
            mine = np.flatnonzero(of_pair == fold)
            start = perf_counter()
            out[mine] = student.score_pairs(PairBatch(self.batch.users[mine], self.batch.items[mine]))
            score_seconds += perf_counter() - start
            scored += len(np.unique(self.batch.users[mine])) * self.window.data.n_items
        return out, {"fit_seconds": fit_seconds / 2, "ms_a_pair": 1000 * score_seconds / max(1, scored)}

    @property
    def _plan(self) -> Plan:
        """Accuracy alone, by weighted sums: how much of it a model adds is the question."""
        return Plan(self.k, self.settings.fusion.trials, 0.0, seed=self.settings.seed)

    def _ranks(self, scores: Floats) -> Floats:
        """(P,) the rank of each pair among its user's, 1 the best."""
        out = np.empty(len(scores))
        for user in np.unique(self.batch.users):
            mine = self.batch.users == user
            out[mine] = rankdata(-scores[mine])
        return out

    def _correlation(self, a: Floats, b: Floats) -> dict[str, float]:
        """Spearman's rank correlation within a user's candidates: mean over users, with its interval."""
        first, second = self._ranks(a), self._ranks(b)
        values = []
        for user in np.unique(self.batch.users):
            x, y = first[self.batch.users == user], second[self.batch.users == user]
            x, y = x - x.mean(), y - y.mean()
            length = np.sqrt((x @ x) * (y @ y))
            values.append(x @ y / length if length > 0 else np.nan)
        return bootstrap_mean(
            np.array(values), self.settings.evaluation.resamples, self.settings.seed
        )._asdict()

    def _per_user(self, lists: NDArray[np.integer]) -> Floats:
        """(V,) NDCG of lists (V, k) of item codes of the judged users."""
        of_users = self.relevant[self.users]
        return ndcg(contains(csr_array(of_users), lists), np.diff(of_users.indptr))

    def _lists(self, scores: Floats) -> NDArray[np.int64]:
        """(V, k) the best of each judged user's candidates, equal scores by lower code."""
        out = np.full((len(self.users), self.k), -1, dtype=np.int64)
        for row, user in enumerate(self.users):
            mine = np.flatnonzero(self.batch.users == user)
            best = mine[np.argsort(-scores[mine], kind="stable")][: self.k]
            out[row, : len(best)] = self.batch.items[best]
        return out

    def _row(self, name: str, scores: Floats) -> dict[str, Any]:
        return self._interval(name, self._per_user(self._lists(scores)))

    def _interval(self, name: str, values: Floats) -> dict[str, Any]:
        found = bootstrap_mean(values, self.settings.evaluation.resamples, self.settings.seed)
        return {"model": name, f"ndcg_at_{self.k}": found.value, "low": found.low, "high": found.high}

    def _fusion(
        self, known: list[str], scores: Mapping[str, Floats], dear: Mapping[str, Floats]
    ) -> list[dict[str, Any]]:
        """Fusion of the matchers that score all pairs, and with each dear one beside them, out of fold.

        What chance adds is what one more weight does by itself, chosen on half of so few users.
        """
        base = self._fused({name: scores[name] for name in known})
        rows: list[dict[str, Any]] = [{"with": "", f"ndcg_at_{self.k}": mean_defined(base)}]
        for name, values in dear.items():
            fused = self._fused({**{one: scores[one] for one in known}, name: values})
            found = paired_difference(fused, base, self.settings.evaluation.resamples, self.settings.seed)
            rows.append({"with": name, f"ndcg_at_{self.k}": mean_defined(fused), **found._asdict()})
        return rows

    def _fused(self, scores: Mapping[str, Floats]) -> Floats:
        """(V,) NDCG of lists made with weights that the other half of the users chose."""
        frames = [
            self.pairs.with_columns(pl.lit(name).alias(MATCHER), pl.Series(SCORE, values))
            for name, values in scores.items()
        ]
        candidates = Candidates.from_frame(
            pl.concat(frames), self.window.user_ids, self.window.item_ids, list(scores)
        )
        categories, _ = category_matrix(self.sample.items["categories"].to_list())
        vectors = mean_text_vectors(self.window.data.text_vectors)
        context = RerankContext.assemble(vectors, categories)
        shown = self.sample.recommendable
        validation = Validation(self.relevant, self.window.user_ids, categories, context, shown)
        tuning = tune(candidates, validation, self._plan, publish=False)
        return self._per_user(tuning.items)


def _some(labels: RelevanceLabels, kept: NDArray[np.bool_]) -> RelevanceLabels:
    rows = (getattr(labels, name)[kept] for name in ("group", "item", "slot", "value"))
    return RelevanceLabels(labels.context, *rows)
