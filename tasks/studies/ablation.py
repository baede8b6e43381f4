"""What a part of the job adds: the whole fusion again, with that part changed or left out.

For texts, other vectors stand in the place of the live ones'. Nothing else differs: interests, other
matchers, the split, the search's seed and trials are the same. The warehouse is read once, then let go of,
since searching takes minutes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tasks.arrays.codes import codes
from tasks.arrays.types import Codes, Floats
from tasks.embedding.variants import item_spread
from tasks.evaluation.truth import read_truth
from tasks.fusion.candidates import Candidates
from tasks.fusion.model import WEIGHTED, FusionModel
from tasks.fusion.objective import Validation
from tasks.fusion.plan import Plan
from tasks.fusion.points import Trial
from tasks.fusion.rerank_head import RerankContext
from tasks.fusion.similarity import mean_text_vectors
from tasks.fusion.tuning import FINAL, Tuning, tune
from tasks.fusion.user_features import user_features
from tasks.items.recommendable import FIT_OF_PART
from tasks.matching.contract import Matcher
from tasks.matching.data import Fit, read_fit
from tasks.matching.registry import build
from tasks.matching.retrieve import Retrieval
from tasks.metrics.bootstrap import paired_difference
from tasks.metrics.evaluator import Evaluation, Truth, evaluate_lists
from tasks.metrics.ranking import mean_defined
from tasks.settings import Settings
from tasks.studies.comparison import as_values, differences, headline_metrics
from warehouse.columns import ITEM, MATCHER, SCORE, TEST, USER, VALIDATION
from warehouse.connection import Warehouse
from warehouse.errors import PolyrecError

FloatArray = NDArray[np.float32]
PART_KEYS = {VALIDATION: "val", TEST: "test"}


@dataclass(frozen=True)
class Variant:
    """One way of describing items."""

    name: str
    kind: str
    """"texts" or "control"."""
    vectors: FloatArray | None
    """(N, K, D), zero where there is no text; None: the matchers that read texts are left out."""

    @property
    def spread(self) -> NDArray[np.float64]:
        """(N,) mean distance between an item's texts; NaN where there are fewer than two."""
        return np.zeros(0) if self.vectors is None else item_spread(self.vectors)


class Window:
    """A part and the fit that its lists come from, with all that does not depend on texts."""

    def __init__(self, fit: Fit, truth: Truth, judged: Sequence[str], settings: Settings) -> None:
        """Take a part's tables; nothing is fitted yet.

        Args:
            fit: its text vectors are not looked at.
            truth: of the part.
            judged: user ids, the rows of `truth`.
            settings: of the run.
        """
        self.fit, self.truth, self.settings = fit, truth, settings
        self.judged = codes(pl.Series(USER, judged, dtype=pl.String), fit.user_ids)

    @classmethod
    def read(cls, warehouse: Warehouse, settings: Settings, part: str) -> "Window":
        """Read a part, its fit and its users' interests."""
        truth, judged, _ = read_truth(warehouse, settings, part)
        fit = FIT_OF_PART[part]
        if warehouse.query("user_vectors", fit=fit).is_empty():
            raise PolyrecError(f"no user has interests of the fit {fit}; run all stages: polyrec run")
        return cls(read_fit(warehouse, settings, fit), truth, judged, settings)

    @cached_property
    def _others(self) -> dict[str, Matcher]:
        """The matchers that read no texts, fitted once for all variants."""
        matching = self.settings.matching
        built = {name: build(name, matching) for name in matching.matchers}
        others = {name: one for name, one in built.items() if not one.reads_texts}
        for matcher in others.values():
            matcher.fit(self.fit.data)
        return others

    @cached_property
    def relevant(self) -> csr_array:
        """(U, N) bool over all users."""
        return self._of_all(self.truth.relevant)

    def _of_all(self, of_judged: csr_array) -> csr_array:
        """(U, N) bool over all users of the judged users' (V, N)."""
        rows, items = of_judged.nonzero()
        shape = (len(self.fit.user_ids), len(self.fit.item_ids))
        matrix = csr_array((np.ones(len(rows), dtype=bool), (self.judged[rows], items)), shape=shape)
        matrix.sort_indices()
        return matrix

    def candidates(self, vectors: FloatArray | None) -> Candidates:
        """What every matcher thinks of the judged users' candidates, texts having these vectors."""
        names = self.settings.matching.matchers
        matchers = [matcher for name in names if (matcher := self._matcher(name, vectors))]
        return self.pivoted(self.proposed(matchers), [matcher.name for matcher in matchers])

    def proposed(self, matchers: Sequence[Matcher], seconds: dict[str, float] | None = None) -> pl.DataFrame:
        """Candidates of the judged users by fitted matchers: user and item codes, matcher, score, own_rank.

        Args:
            matchers: fitted on this window.
            seconds: when given, each matcher's scoring time is added under its name.
        """
        matching = self.settings.matching
        retrieval = Retrieval(
            matchers,
            self.fit.data,
            matching.block_users,
            matching.candidates,
            self.truth.recommendable,
            seconds={} if seconds is None else seconds,
        )
        return pl.concat(list(retrieval.candidates(self.judged)))

    def pivoted(self, found: pl.DataFrame, names: Sequence[str]) -> Candidates:
        """Rows by code (user, item, matcher, score) as candidates, matchers in this order."""
        rows = found.select(
            pl.Series(USER, pl.Series(self.fit.user_ids, dtype=pl.String).gather(found["user"])),
            pl.Series(ITEM, pl.Series(self.fit.item_ids, dtype=pl.String).gather(found["item"])),
            pl.col("matcher").alias(MATCHER),
            pl.col("score").alias(SCORE),
        )
        return Candidates.from_frame(rows, self.fit.user_ids, self.fit.item_ids, names)

    def _matcher(self, name: str, vectors: FloatArray | None) -> Matcher | None:
        if name in self._others:
            return self._others[name]
        if vectors is None:
            return None
        matcher = build(name, self.settings.matching)
        matcher.fit(replace(self.fit.data, text_vectors=vectors))
        return matcher

    def context(self, vectors: FloatArray | None) -> RerankContext:
        """What re-ranking goes by: texts, or content if they are left out, and the judged users' tastes."""
        content, categories, fusion = self.truth.vectors, self.truth.categories, self.settings.fusion
        assert content is not None
        return RerankContext.assemble(
            mean_text_vectors(content[:, None] if vectors is None else vectors),
            categories,
            self._of_all(self.truth.history),
            reranker=fusion.reranker,
            category_cap=fusion.category_cap,
        )

    def tune(
        self, vectors: FloatArray | None, publish: bool, on_trial: Callable[[str, Trial], None] | None = None
    ) -> Tuning:
        """Search the weights as fusion does, with the same seed and trials."""
        return self.search(self.candidates(vectors), self.context(vectors), publish, on_trial)

    def search(
        self,
        candidates: Candidates,
        context: RerankContext,
        publish: bool,
        on_trial: Callable[[str, Trial], None] | None = None,
    ) -> Tuning:
        """The same over given candidates, whoever scored them.

        Where methods are to be compared it is the weighted sum, so that what is left out counts alone.
        """
        fusion = self.settings.fusion
        if fusion.method == "auto":
            fusion = fusion.model_copy(update={"method": WEIGHTED})
        truth = self.truth
        validation = Validation(
            self.relevant, self.fit.user_ids, truth.categories, context, truth.recommendable
        )
        plan = Plan.of(fusion, truth.k, self.settings.seed)
        return tune(self._with_features(candidates), validation, plan, on_trial=on_trial, publish=publish)

    def judge(self, users: NDArray[np.int64], lists: Codes) -> Evaluation:
        """Judge lists (U', k) of some users; a judged user without one has an empty list."""
        items = np.full((len(self.judged), self.truth.k), -1, dtype=np.int32)
        items[np.searchsorted(self.judged, users)] = lists
        return evaluate_lists(items, self.truth)

    def judge_frozen(self, vectors: FloatArray | None, model: FusionModel) -> Evaluation:
        """Judge the lists that a fusion chosen elsewhere gives here."""
        return self.judge_model(self.candidates(vectors), self.context(vectors), model)

    def judge_model(self, candidates: Candidates, context: RerankContext, model: FusionModel) -> Evaluation:
        """The same for given candidates."""
        lists = model.lists(self._with_features(candidates), context, self.truth.k)
        return self.judge(candidates.users, lists)

    def _with_features(self, candidates: Candidates) -> Candidates:
        """With what the fit knows of users; whatever texts a variant has, that is told by the same ones."""
        return candidates.with_user_features(self._features)

    @cached_property
    def _features(self) -> Floats:
        """(U, F) of all users."""
        data = self.fit.data
        vectors = mean_text_vectors(data.text_vectors)
        return user_features(len(self.fit.user_ids), data.user, data.item, data.time, vectors)


def split_of(warehouse: Warehouse, settings: Settings) -> str:
    """Return the hash of the split; refuse a protocol by which nothing is split yet."""
    split = warehouse.query("split_parts")
    if settings.data.protocol not in split["protocol"]:
        raise PolyrecError(
            f"events are not split by the protocol {settings.data.protocol}; run all stages: polyrec run"
        )
    return split["split_hash"][0]


@dataclass(frozen=True)
class Judged:
    """A variant and what it is worth."""

    variant: Variant
    tuning: Tuning
    parts: dict[str, Evaluation]
    """"val" and, after a look at test, "test"."""


def judge_variants(
    variants: Sequence[Variant],
    validation: Window,
    test: Window | None,
    on_trial: Callable[[str, Trial], None] | None = None,
) -> list[Judged]:
    """Judge each variant out of fold on validation and, frozen, on test; equal vectors are judged once."""
    known: dict[str, tuple[Tuning, dict[str, Evaluation]]] = {}
    out = []
    for variant in variants:
        key = vectors_key(variant)
        if key not in known:
            tuning = validation.tune(variant.vectors, test is not None, on_trial)
            parts = {"val": validation.judge(tuning.users, tuning.items)}
            if test is not None:
                parts["test"] = test.judge_frozen(variant.vectors, tuning.models[FINAL])
            known[key] = tuning, parts
        out.append(Judged(variant, *known[key]))
    return out


def vectors_key(variant: Variant) -> str:
    """The same for variants that describe items alike."""
    vectors = variant.vectors
    return "" if vectors is None else f"{vectors.shape} {blake2b(vectors.tobytes()).hexdigest()}"


def variant_row(judged: Judged, baseline: Judged, settings: Settings) -> dict[str, Any]:
    """A variant's figures, and how far it is above the baseline."""
    variant = judged.variant
    spread = mean_defined(variant.spread)
    return {
        **trial_row(variant.name, variant.kind, judged.tuning, judged.parts, baseline.parts, settings),
        "slots": 0 if variant.vectors is None else variant.vectors.shape[1],
        "text_distance": None if np.isnan(spread) else spread,
    }


def trial_row(
    name: str,
    kind: str,
    tuning: Tuning,
    parts: Mapping[str, Evaluation],
    baseline: Mapping[str, Evaluation],
    settings: Settings,
) -> dict[str, Any]:
    """Weights that were chosen, figures, and how far they are above the baseline's.

    Args:
        name: of the trial.
        kind: which decides its colour.
        tuning: the search.
        parts: "val" and, after a look at test, "test".
        baseline: the same of what it is compared with; the very same mapping for the baseline itself.
        settings: of the run.
    """
    k, resamples = settings.evaluation.k, settings.evaluation.resamples
    row: dict[str, Any] = {
        "name": name,
        "kind": kind,
        **({"is_baseline": True} if parts is baseline else {}),
        "weights": {search: trial.weights for search, trial in tuning.chosen.items()},
        "diversity": {search: trial.diversity for search, trial in tuning.chosen.items()},
    }
    for part, evaluation in parts.items():
        found = differences(evaluation, baseline[part], k, resamples, settings.seed)
        figures = {metric: evaluation.metrics[metric] for metric in headline_metrics(evaluation, k)}
        row[part] = {**figures, "differences": found}
    return row


def pair_row(a: Judged, b: Judged, settings: Settings) -> dict[str, Any]:
    """How far b is above a: in lists over the same users, in spread over the same items."""
    k, resamples, seed = settings.evaluation.k, settings.evaluation.resamples, settings.seed
    spread = paired_difference(b.variant.spread, a.variant.spread, resamples, seed)
    found: Mapping[str, Any] = differences(b.parts["val"], a.parts["val"], k, resamples, seed)
    if not np.isnan(spread.difference):
        found = {**found, "text_distance": as_values(spread)}
    return {"name": f"{b.variant.name} minus {a.variant.name}", "val": found}
