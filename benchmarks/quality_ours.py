"""Polyrec's side of benchmarks/quality.py: its matchers as the settings have them, and the fusion of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl

from tasks.fusion.candidates import Candidates
from tasks.fusion.tuning import FINAL, Tuning
from tasks.matching.registry import build
from tasks.metrics.evaluator import Evaluation, evaluate_lists
from tasks.studies.window import Window

FUSION, DIVERSE = "fusion", "fusion_diverse"


@dataclass(frozen=True)
class Judged:
    """A model's lists of one part, judged."""

    evaluation: Evaluation
    fit_s: float
    score_s: float


@dataclass(frozen=True)
class Scored:
    """What several models think of a part's candidates, and what their own lists are worth."""

    candidates: Candidates
    alone: dict[str, Judged]


def score_matchers(window: Window, on_matcher: Callable[[str], None]) -> Scored:
    """Fit every matcher of the settings on a part's window; score, and judge each one's own lists.

    Args:
        window: the part.
        on_matcher: called with a matcher's name before it is fitted.
    """
    settings, matchers = window.settings.matching, []
    fit_s: dict[str, float] = {}
    score_s: dict[str, float] = {}
    for name in settings.matchers:
        on_matcher(name)
        start = perf_counter()
        matcher = build(name, settings)
        matcher.fit(window.fit.data)
        fit_s[name] = perf_counter() - start
        matchers.append(matcher)
    on_matcher("scores of all")
    found = window.proposed(matchers, score_s)
    alone = {
        name: Judged(_own_lists(window, found.filter(matcher=name)), fit_s[name], score_s.get(name, 0.0))
        for name, matcher in zip(settings.matchers, matchers, strict=True)
        if matcher.proposes
    }
    return Scored(window.pivoted(found, settings.matchers), alone)


def parameters_of(window: Window) -> dict[str, Any]:
    """What every matcher of the settings is made with."""
    settings = window.settings.matching
    return {name: build(name, settings).parameters() for name in settings.matchers}


@dataclass(frozen=True)
class Ours:
    """What Polyrec's side of a comparison is worth: of each model, part to its judged lists."""

    fusion: dict[str, Judged]
    diverse: dict[str, Judged]
    """The same at the diverse point of the search."""
    matchers: dict[str, dict[str, Judged]]
    settings: dict[str, dict[str, Any]]
    """What each was made with, and "fusion"."""
    seconds: dict[str, float]
    """What finding these settings took, as far as it is known, by what it was spent on."""


@dataclass(frozen=True)
class Fusion:
    """Weights chosen on validation, and what they are worth on both parts."""

    tuning: Tuning
    search_s: float
    parts: dict[str, Judged]
    diverse: dict[str, Judged]
    """The same at the diverse point of the search."""


def fuse(
    validation: Window,
    scored: Scored,
    test: Window | None,
    scored_for_test: Scored | None,
    on_trial: Callable[[], None],
) -> Fusion:
    """Search weights out of fold on validation, as the stage fusion does; judge them, frozen, on test.

    Whoever scored the candidates, ours or peers, the method, its trials and its seed are the same.
    """
    context = validation.context(validation.fit.data.text_vectors)
    start = perf_counter()
    tuning = validation.search(scored.candidates, context, True, lambda _half, _trial: on_trial())
    search_s = perf_counter() - start
    parts, diverse = (
        {"validation": _whole(validation.evaluate(tuning.users, items), scored)}
        for items in (tuning.items, tuning.diverse_items)
    )
    if test is not None and scored_for_test is not None:
        context, model = test.context(test.fit.data.text_vectors), tuning.models[FINAL]
        for judged, one in ((parts, model), (diverse, model.as_diverse)):
            lists = test.evaluate_model(scored_for_test.candidates, context, one)
            judged["test"] = _whole(lists, scored_for_test)
    return Fusion(tuning, search_s, parts, diverse)


def weights_of(fusion: Fusion) -> dict[str, Any]:
    """What each search chose: that of "fold_a" made the lists of fold b, and so on; "all" those of test."""
    return {
        "trials": len(fusion.tuning.trials[FINAL]),
        "search_s": fusion.search_s,
        "method": {name: model.method for name, model in fusion.tuning.models.items()},
        **{
            name: {"weights": trial.weights, "diversity": trial.diversity}
            for name, trial in fusion.tuning.chosen.items()
        },
        "diverse": {
            name: {"weights": trial.weights, "diversity": trial.diversity}
            for name, trial in fusion.tuning.diverse.items()
        },
    }


def _whole(evaluation: Evaluation, scored: Scored) -> Judged:
    """A fusion takes as long as all that it fuses."""
    alone = scored.alone.values()
    return Judged(evaluation, sum(one.fit_s for one in alone), sum(one.score_s for one in alone))


def _own_lists(window: Window, found: pl.DataFrame) -> Evaluation:
    """Judge the k best of a matcher's own proposals."""
    k = window.truth.k
    top = found.filter(pl.col("own_rank") <= k)
    items = np.full((len(window.users), k), -1, dtype=np.int32)
    rows = np.searchsorted(window.users, top["user"].to_numpy())
    items[rows, top["own_rank"].to_numpy() - 1] = top["item"].to_numpy()
    return evaluate_lists(items, window.truth)


def best_of(models: Mapping[str, Mapping[str, Judged]], k: int) -> str:
    """The model with the highest NDCG on validation, never chosen by a test figure; ties by name."""
    return min(
        models, key=lambda name: (-models[name]["validation"].evaluation.metrics[f"ndcg_at_{k}"], name)
    )


def by_part(scored: Sequence[tuple[str, Scored]]) -> dict[str, dict[str, Judged]]:
    """Model to part to its judged lists.

    Args:
        scored: part and what was scored for it.
    """
    out: dict[str, dict[str, Judged]] = {}
    for part, one in scored:
        for name, judged in one.alone.items():
            out.setdefault(name, {})[part] = judged
    return out
