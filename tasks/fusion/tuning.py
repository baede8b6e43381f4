"""A fusion chosen on validation, and lists for it that are out of fold."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.arrays.types import Flags
from tasks.fusion.candidates import Candidates
from tasks.fusion.methods import accurate_model
from tasks.fusion.model import FusionModel
from tasks.fusion.model_selection import Entry, winner
from tasks.fusion.objective import Objective, Validation
from tasks.fusion.plan import Plan
from tasks.fusion.points import Trial, drawn
from tasks.fusion.weight_search import search
from tasks.metrics.folds import folds_of
from tasks.metrics.ranking import contains

FOLDS = ("fold_a", "fold_b")
FINAL = "all"
MOST_USERS = 2000  # that one search looks at: more take longer and say little more
FEWEST_USERS = 2
"""One in each fold: what one teaches is validated on the other."""
OnTrial = Callable[[str, Trial], None]
"""The search's name and its trial."""


@dataclass(frozen=True)
class Tuning:
    """What was chosen, and lists for users whom the choice did not see.

    By the name of a search: "fold_a", "fold_b" and, where something is to be published, "all".
    """

    users: NDArray[np.int64]
    """(V,) user codes: those with candidates and relevant items."""
    trials: dict[str, list[Trial]]
    """None where too few users can tell points apart."""
    chosen: dict[str, Trial]
    """That of "all" is published."""
    diverse: dict[str, Trial]
    """At the diverse point."""
    models: dict[str, FusionModel]
    """With what was learned; the default one where there were no trials."""
    entries: dict[str, tuple[Entry, ...]]
    """Methods and normalisers that were compared."""
    items: NDArray[np.int32]
    """(V, length) lists, each made with the model chosen on the other fold."""
    diverse_items: NDArray[np.int32]
    """(V, length) the same at the diverse point."""


def tune(
    candidates: Candidates,
    validation: Validation,
    plan: Plan,
    *,
    on_trial: OnTrial | None = None,
    publish: bool = True,
    length: int | None = None,
    folder: Path | None = None,
    key: str = "",
) -> Tuning:
    """Choose on each fold of the users and make lists for the other; then choose on all, to publish.

    Candidates are of the train fit, with user features where the method is "gated" or "auto". Without
    `publish` only the folds choose, which is all that a figure out of fold needs. The lists that are made at
    last have a length of their own, k when None; their first k items are the same. In the folder, where there
    is one, trials are kept while a search lasts, so that it can go on; the key names whatever else decides
    what a trial is worth, such as the re-ranker. A search looks at 2,000 users at most, drawn by the seed;
    lists are made for all. With fewer than two users nothing can be validated, so
    nothing is searched: every model is the default one.
    """
    validated = candidates.take(np.flatnonzero(np.diff(validation.relevant.indptr)[candidates.users] > 0))
    fold = folds_of([validation.user_ids[int(user)] for user in validated.users], plan.seed)
    rows = {name: np.flatnonzero(fold == code) for code, name in enumerate(FOLDS)}
    lists = (np.full((len(fold), length or plan.k), -1, np.int32) for _ in "ab")
    tuning = Tuning(validated.users, {}, {}, {}, {}, {}, *lists)
    for name, mine in (rows | ({FINAL: np.arange(len(fold))} if publish else {})).items():
        if len(fold) < FEWEST_USERS:
            tuning.models[name] = default_model(validated, plan)
            continue
        judging = validated.take(_sampled(mine, plan.seed))
        _choose(tuning, name, judging, validation, plan, on_trial, folder and (folder, key))
    for name, other in (FOLDS, FOLDS[::-1]):
        mine, model = validated.take(rows[name]), tuning.models[other]
        tuning.items[rows[name]] = model.lists(mine, validation.context, length or plan.k)
        tuning.diverse_items[rows[name]] = model.as_diverse.lists(mine, validation.context, length or plan.k)
    return tuning


def _sampled(rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """At most so many of the rows as one search looks at, in their order."""
    if len(rows) <= MOST_USERS:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_USERS, replace=False))


def default_model(candidates: Candidates, plan: Plan) -> FusionModel:
    """The fusion where nothing can be learned: all matchers alike, by score alone."""
    nobody = candidates.take(np.zeros(0, dtype=np.int64))
    nothing = np.zeros(nobody.items.shape, dtype=bool)
    simplest = winner(nobody, nothing, np.zeros(0, dtype=np.int32), [], plan)
    return accurate_model(simplest.method, simplest.normaliser, nobody, nothing, plan.seed)


def _choose(
    tuning: Tuning,
    name: str,
    candidates: Candidates,
    validation: Validation,
    plan: Plan,
    on_trial: OnTrial | None,
    kept: tuple[Path, str] | None,
) -> None:
    """Choose on some users: method and normaliser, then weights and dial; put all that into `tuning`."""
    relevant = validation.relevant[candidates.users]
    is_relevant = contains(relevant, candidates.items)
    ids = [validation.user_ids[int(user)] for user in candidates.users]
    won = winner(candidates, is_relevant, np.diff(relevant.indptr), ids, plan)
    model = accurate_model(won.method, won.normaliser, candidates, is_relevant, plan.seed)
    file = None
    if kept is not None:
        folder, key = kept
        file = folder / f"fusion-{name}-{_digest(key, plan, candidates, model, is_relevant)}.jsonl"
    trials = search(
        Objective(candidates, model, validation, plan.k),
        model.columns(candidates),
        plan,
        caps=plan.caps(validation.context),
        accurate=model.vector(candidates) if is_relevant.any() else None,
        on_trial=on_trial and partial(on_trial, name),
        file=file,
    )
    chosen, diverse = plan.published(trials), plan.diverse(trials)
    tuning.trials[name], tuning.entries[name] = trials, won.entries
    tuning.chosen[name], tuning.diverse[name] = chosen, diverse
    users = int(is_relevant.any(axis=1).sum())
    tuning.models[name] = replace(
        model.at(drawn(chosen, users)),
        diverse=drawn(diverse, users)._replace(diversity=diverse.diversity),
        model_selection=tuple(asdict(entry) for entry in won.entries),
    )


def _digest(key: str, plan: Plan, candidates: Candidates, model: FusionModel, relevant: Flags) -> str:
    """Names all that a trial's worth depends on."""
    digest = blake2b(f"{key} {plan} {model}".encode(), digest_size=8)
    for array in (candidates.users, candidates.items, candidates.scores, relevant):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
