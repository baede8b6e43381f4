"""Champion and challenger: the fusion model to publish, by what both are worth to the same users."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_array

from tasks.arrays.types import Codes, Floats
from tasks.fusion.candidates import Candidates
from tasks.fusion.model import FusionModel
from tasks.fusion.rerank_head import RerankContext
from tasks.metrics.bootstrap import paired_difference
from tasks.metrics.folds import fold_of, last_of_fold_0
from tasks.metrics.ranking import contains, ndcg

Promote = Literal["when_better", "always", "never"]
FEWEST_USERS = 2  # a difference has no interval with fewer


@dataclass(frozen=True)
class FoldModels:
    """The two models behind figures that are out of fold, and what says which of them is for whom.

    A model that was chosen on all validation users cannot be validated on them. So each night's search keeps
    what it chose on either fold. A user's fold never changes, whoever else there is: it depends on the hash
    of their id and on where the hashes were cut that night. So a champion of any age is validated, on
    tonight's events, by users whom its choice did not see.
    """

    models: tuple[FusionModel, FusionModel]
    """The first is for users of fold 0, and was chosen on fold 1."""
    seed: int
    last_of_fold_0: str
    """Hash of the last user of fold 0."""

    @classmethod
    def of_search(
        cls, chosen_on: tuple[FusionModel, FusionModel], users: Sequence[str], seed: int
    ) -> "FoldModels":
        """Of the models that a search chose on fold 0 and on fold 1 of some user ids."""
        return cls((chosen_on[1], chosen_on[0]), seed, last_of_fold_0(users, seed))

    def lists(self, candidates: Candidates, user_ids: Sequence[str], context: RerankContext, k: int) -> Codes:
        """(U, k) item codes, -1 padded, of each user by the model that was not chosen on them.

        Candidates are of the U users, by the models' matchers; ids and context are of all users.
        """
        fold = fold_of([user_ids[int(user)] for user in candidates.users], self.seed, self.last_of_fold_0)
        items = np.full((len(fold), k), -1, dtype=np.int32)
        for code, model in enumerate(self.models):
            rows = np.flatnonzero(fold == code)
            items[rows] = model.lists(candidates.take(rows), context, k)
        return items

    @property
    def as_diverse(self) -> "FoldModels":
        """The two at their diverse points."""
        first, second = self.models
        return replace(self, models=(first.as_diverse, second.as_diverse))

    def to_json(self) -> str:
        """For the column `folds` of serving.fusion_models."""
        records = [model.to_record() for model in self.models]
        return json.dumps({"models": records, "seed": self.seed, "last_of_fold_0": self.last_of_fold_0})

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "FoldModels":
        """Of a row of serving.fusion_models."""
        kept = json.loads(record["folds"])
        first, second = (FusionModel.from_record(one) for one in kept["models"])
        return cls((first, second), kept["seed"], kept["last_of_fold_0"])


@dataclass(frozen=True)
class Decision:
    """Which of two models is published, and why; figures are None where the two were not compared."""

    outcome: Literal["first", "promoted", "kept"]
    reason: str
    metric: str
    users: int | None = None
    champion: float | None = None
    challenger: float | None = None
    difference: float | None = None
    """Challenger minus champion, over the same users."""
    low: float | None = None
    high: float | None = None

    @property
    def keeps(self) -> bool:
        """Whether the champion stays."""
        return self.outcome == "kept"


def without_champion(metric: str, unusable: str | None = None) -> Decision:
    """The challenger is published: there is no champion, or none that can be used, for the reason given."""
    if unusable is None:
        return Decision("first", "there was no champion", metric)
    return Decision("promoted", f"the champion cannot be used any more: {unusable}", metric)


def decide(
    champion: Floats, challenger: Floats, promote: Promote, metric: str, resamples: int, seed: int
) -> Decision:
    """Compare two models by a metric of the same users (U,), NaN where it is not defined, and choose.

    "when_better": the challenger must be better for sure: the lower bound of the 95% interval of the paired
    difference (bootstrap over users) is above 0. "always" and "never" say what they mean. Fewer than two
    users have no interval: then there are no figures, and nothing is shown to be better.
    """
    both = ~np.isnan(champion) & ~np.isnan(challenger)
    figures: dict[str, Any] = {"users": int(both.sum())}
    enough = figures["users"] >= FEWEST_USERS
    difference = paired_difference(challenger, champion, resamples, seed) if enough else None
    if difference is not None:
        figures |= {"champion": float(champion[both].mean()), "challenger": float(challenger[both].mean())}
        figures |= difference._asdict()
    if promote != "when_better":
        outcome = "promoted" if promote == "always" else "kept"
        return Decision(outcome, f'promote = "{promote}" in [fusion]', metric, **figures)
    if difference is None:
        why = "too few users can be judged to compare it with the challenger"
        return Decision("kept", why, metric, **figures)
    if difference.better:
        return Decision("promoted", "the challenger is better", metric, **figures)
    return Decision("kept", "the challenger is not better for sure", metric, **figures)


def ndcg_of(items: Codes, relevant: csr_array, k: int) -> Floats:
    """(U,) NDCG@k of lists (U, L), L at least k, given what is relevant (U, N); NaN where nothing is."""
    return ndcg(contains(relevant, items[:, :k]), np.diff(relevant.indptr))
