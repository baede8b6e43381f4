"""Weights chosen on validation, and figures for them that are out of fold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tasks.fusion.candidates import Candidates
from tasks.fusion.objective import Objective
from tasks.fusion.rerank_head import RerankContext
from tasks.fusion.weights import Trial, choose, search
from tasks.halves import out_of_fold
from tasks.measures import Flags

HALVES = ("half_a", "half_b")
FINAL = "all"


@dataclass(frozen=True)
class Tuning:
    """What was chosen, and what it is worth to users whom the choice did not see."""

    studies: dict[str, optuna.Study]
    """Of "half_a", "half_b", and, where something is to be published, "all" users."""
    chosen: dict[str, Trial]
    """The same; "all" is what is published."""
    users: NDArray[np.int64]
    """(V,) user codes: those with candidates and relevant items."""
    items: NDArray[np.int32]
    """(V, length) their lists, each made with the weights chosen on the other half."""


def tune(
    candidates: Candidates,
    relevant: csr_array,
    user_ids: Sequence[str],
    categories: Flags,
    context: RerankContext,
    *,
    k: int,
    trials: int,
    max_diversity: float,
    slack: float,
    seed: int,
    recommendable: Flags | None = None,
    on_trial: Callable[[str, Trial], None] | None = None,
    publish: bool = True,
    length: int | None = None,
) -> Tuning:
    """Search on each half of the users and make lists for the other; then search on all, to publish.

    Args:
        candidates: of the train fit.
        relevant: (U, N) bool, the validation part, over all users.
        user_ids: all user ids, sorted.
        categories: (N, C) bool.
        context: what re-ranking goes by, of all users.
        k: length of the lists that are judged.
        trials: of each of the searches.
        max_diversity: the dial is tried from 0 to this.
        slack: the share of the best NDCG that may be given up for diversity.
        seed: the same seed gives the same tuning.
        recommendable: (N,) bool, which items lists may hold; all of them when None.
        on_trial: called with the search's name after every trial.
        publish: whether to search on all; a figure that is out of fold needs the halves only.
        length: of the lists that are made at last; k when None. Their first k items are the same.
    """
    judged = candidates.take(np.flatnonzero(np.diff(relevant.indptr)[candidates.users] > 0))
    if len(judged.users) < 2:
        raise ValueError(
            f"only {len(judged.users)} users have both candidates and validation events, need 2 or more "
            "to choose on one half and judge on the other; raise [data] max_users"
        )
    half = out_of_fold([user_ids[int(user)] for user in judged.users], seed)
    studies: dict[str, optuna.Study] = {}
    chosen: dict[str, Trial] = {}
    objectives = {
        name: Objective(judged.take(rows), relevant, categories, context, k, recommendable)
        for name, rows in (
            (HALVES[0], np.flatnonzero(half == 0)),
            (HALVES[1], np.flatnonzero(half == 1)),
            *([(FINAL, np.arange(len(half)))] if publish else []),
        )
    }
    for name, objective in objectives.items():
        studies[name] = search(
            objective,
            judged.matchers,
            trials,
            max_diversity,
            seed,
            on_trial=_named(on_trial, name),
            accurate=objective.accurate_weights(),
            slack=slack,
        )
        chosen[name] = choose(studies[name], slack)
    items = np.full((len(half), length or k), -1, dtype=np.int32)
    for code, other in enumerate(reversed(HALVES)):
        trial = chosen[other]
        items[half == code] = objectives[HALVES[code]].list_items(
            trial.vector(judged.matchers), trial.diversity, length
        )
    return Tuning(studies, chosen, judged.users, items)


def _named(on_trial: Callable[[str, Trial], None] | None, name: str) -> Callable[[Trial], None] | None:
    return None if on_trial is None else lambda trial: on_trial(name, trial)
