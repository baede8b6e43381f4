"""A fusion chosen on validation, and figures for it that are out of fold."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tasks.arrays.types import Flags
from tasks.fusion.candidates import Candidates
from tasks.fusion.lists import list_codes
from tasks.fusion.methods import accurate_model
from tasks.fusion.model import FusionModel, Point
from tasks.fusion.model_selection import Entry, winner
from tasks.fusion.objective import Objective
from tasks.fusion.rerank_head import RerankContext
from tasks.fusion.weights import Trial, choose, search
from tasks.metrics.folds import folds_of
from tasks.metrics.ranking import contains
from tasks.settings.fusion import Fusion
from tasks.settings.point_rule import PointRule

HALVES = ("half_a", "half_b")
FINAL = "all"


@dataclass(frozen=True)
class Plan:
    """What is searched, and how one point is chosen."""

    k: int
    """Length of the lists that are judged."""
    trials: int
    """Of each of the searches."""
    max_diversity: float
    """The dial is tried from 0 to this."""
    choose: PointRule
    choose_diverse: PointRule
    method: str = "weighted"
    normaliser: str = "zscore"
    seed: int = 0
    """The same seed gives the same tuning."""

    @classmethod
    def of(cls, fusion: Fusion, k: int, seed: int) -> "Plan":
        """As the settings have it."""
        return cls(
            k,
            fusion.trials,
            fusion.max_diversity,
            PointRule.parse(fusion.choose),
            PointRule.parse(fusion.choose_diverse),
            fusion.method,
            fusion.normaliser,
            seed,
        )

    def caps(self, context: RerankContext) -> tuple[int, ...]:
        """Caps on a category that are tried: that of the settings, and half of a list, if that is stricter.

        A cap makes lists varied in themselves at less cost than the dial does. Where diversity is not asked
        for, or items have no categories, no other cap is tried.
        """
        asked, half = context.category_cap, max(1, self.k // 2)
        known = context.categories is not None and context.categories.n_categories > 0
        more = known and self.max_diversity > 0 and (asked == 0 or half < asked)
        return (asked, half) if more else (asked,)


@dataclass(frozen=True)
class Tuning:
    """What was chosen, and what it is worth to users whom the choice did not see."""

    studies: dict[str, optuna.Study]
    """Of "half_a", "half_b", and, where something is to be published, "all" users."""
    chosen: dict[str, Trial]
    """The same; "all" is what is published."""
    diverse: dict[str, Trial]
    """The same at the diverse point."""
    models: dict[str, FusionModel]
    """The same, with what was learned."""
    entries: dict[str, tuple[Entry, ...]]
    """The same: methods and normalisers that were compared."""
    users: NDArray[np.int64]
    """(V,) user codes: those with candidates and relevant items."""
    items: NDArray[np.int32]
    """(V, length) their lists, each made with the model chosen on the other half."""
    diverse_items: NDArray[np.int32]
    """(V, length) the same at the diverse point."""


def tune(
    candidates: Candidates,
    relevant: csr_array,
    user_ids: Sequence[str],
    categories: Flags,
    context: RerankContext,
    plan: Plan,
    *,
    recommendable: Flags | None = None,
    on_trial: Callable[[str, Trial], None] | None = None,
    publish: bool = True,
    length: int | None = None,
    folder: Path | None = None,
    key: str = "",
) -> Tuning:
    """Choose on each half of the users and make lists for the other; then choose on all, to publish.

    Args:
        candidates: of the train fit; with the facts about their users where the method is "gated" or "auto".
        relevant: (U, N) bool, the validation part, over all users.
        user_ids: all user ids, sorted.
        categories: (N, C) bool.
        context: what re-ranking goes by, of all users.
        plan: what is searched.
        recommendable: (N,) bool, which items lists may hold; all of them when None.
        on_trial: called with the search's name after every trial.
        publish: whether to choose on all; a figure that is out of fold needs the halves only.
        length: of the lists that are made at last; k when None. Their first k items are the same.
        folder: where trials are kept while a search lasts, so that it can go on; nowhere when None.
        key: names whatever else decides what a trial is worth, such as the re-ranker.
    """
    judged = candidates.take(np.flatnonzero(np.diff(relevant.indptr)[candidates.users] > 0))
    if len(judged.users) < 2:
        raise ValueError(
            f"only {len(judged.users)} users have both candidates and validation events, need 2 or more "
            "to choose on one half and judge on the other; raise [data] max_users"
        )
    ids = [user_ids[int(user)] for user in judged.users]
    half = folds_of(ids, plan.seed)
    tuning = Tuning(
        {},
        {},
        {},
        {},
        {},
        judged.users,
        *(np.full((len(half), length or plan.k), -1, np.int32) for _ in "ab"),
    )
    parts = {HALVES[0]: np.flatnonzero(half == 0), HALVES[1]: np.flatnonzero(half == 1)}
    parts |= {FINAL: np.arange(len(half))} if publish else {}
    for name, rows in parts.items():
        mine = judged.take(rows)
        of_mine = relevant[mine.users]
        is_relevant = contains(of_mine, mine.items)
        won = winner(
            mine,
            is_relevant,
            np.diff(of_mine.indptr),
            [ids[row] for row in rows],
            method=plan.method,
            normaliser=plan.normaliser,
            k=plan.k,
            seed=plan.seed,
        )
        model = accurate_model(won.method, won.normaliser, mine, is_relevant, plan.seed)
        study = search(
            Objective(mine, model, relevant, categories, context, plan.k, recommendable),
            model.columns(mine),
            plan.trials,
            plan.max_diversity,
            plan.seed,
            on_trial=_named(on_trial, name),
            accurate=model.vector(mine) if is_relevant.any() else None,
            slack=plan.choose.slack,
            caps=plan.caps(context),
            rules=(plan.choose, plan.choose_diverse),
            file=folder and folder / f"fusion-{name}-{_digest(key, plan, mine, model, is_relevant)}.jsonl",
        )
        chosen, diverse = choose(study, plan.choose), choose(study, plan.choose_diverse)
        tuning.studies[name], tuning.entries[name] = study, won.entries
        tuning.chosen[name], tuning.diverse[name] = chosen, diverse
        model = model.at(Point(chosen.weights, chosen.diversity, chosen.category_cap))
        tuning.models[name] = replace(
            model,
            diverse=Point(diverse.weights, diverse.diversity, diverse.category_cap),
            contest=tuple(asdict(entry) for entry in won.entries),
        )
    for name, other in (HALVES, HALVES[::-1]):
        rows, model = parts[name], tuning.models[other]
        mine = judged.take(rows)
        tuning.items[rows] = list_codes(mine, model, context, length or plan.k)
        tuning.diverse_items[rows] = list_codes(mine, model.as_diverse, context, length or plan.k)
    return tuning


def _digest(key: str, plan: Plan, candidates: Candidates, model: FusionModel, relevant: Flags) -> str:
    """Names all that a trial's worth depends on."""
    digest = blake2b(f"{key} {plan} {model}".encode(), digest_size=8)
    for array in (candidates.users, candidates.items, candidates.scores, relevant):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _named(on_trial: Callable[[str, Trial], None] | None, name: str) -> Callable[[Trial], None] | None:
    return None if on_trial is None else lambda trial: on_trial(name, trial)
