"""The search over a matcher's settings, and what its choice is worth out of fold."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from tasks.arrays.types import Floats
from tasks.matching.contract import Matcher, Parameter
from tasks.matching.validation import UNFIT, Figures
from tasks.run.study import ResumableStudy
from tasks.settings.space import Choice, Real, Space, contains, plain
from warehouse.errors import PolyrecError

Make = Callable[[Mapping[str, Parameter]], Matcher]
"""Values of the searched settings to a matcher that is not fitted."""
RANDOM_TRIALS = 10  # before the sampler learns from what was tried


@dataclass(frozen=True)
class Trial:
    """Settings that were tried."""

    number: int
    parameters: dict[str, Parameter]
    as_set: bool
    figures: Figures


@dataclass(frozen=True)
class OutOfFold:
    """What the search's choice is worth to users whom the choice did not see."""

    chosen: tuple[Trial, Trial]
    """The best trial on fold 0, and on fold 1."""
    value: tuple[float, float]
    """Each one's mean NDCG on the other fold."""
    ndcg: Floats
    """(V,) of each user, by the trial that the other fold chose."""


class Search:
    """One matcher's search; trials are kept in a file where one is named, else in memory."""

    def __init__(self, spaces: Mapping[str, Space], seed: int, file: Path | None = None) -> None:
        """Open the search of settings by name, or go on with the one of a file.

        With one seed the trials are the same, in one go or in several.
        """
        if not spaces:
            raise ValueError("there is no setting to search; annotate one in tasks/settings/matchers.py")
        self.spaces = dict(spaces)
        space = {name: _distribution(space) for name, space in spaces.items()}
        self._study = ResumableStudy(1, space, seed, RANDOM_TRIALS, file)
        self.trials: list[Trial] = []
        """Every trial that could be fitted, in order."""
        self.failed = 0
        """How many trials could not be fitted."""
        for row in self._study.known:
            self._add(row)

    def run(
        self,
        make: Make,
        evaluate: Callable[[Matcher], Figures],
        as_set: Mapping[str, Parameter],
        trials: int | None = None,
        minutes: float | None = None,
        on_trial: Callable[[Trial | None], None] | None = None,
    ) -> Trial:
        """Try further settings, those that are set now before any other; returns the trial of these.

        Args:
            make: a matcher of some settings.
            evaluate: fits it and evaluates its lists.
            as_set: the settings as they are.
            trials: how many at most.
            minutes: no further one is begun after so many.
            on_trial: called after every trial; with None after one that could not be fitted.
        """
        if trials is None and minutes is None:
            raise ValueError("a search needs an end: give trials, minutes or both")
        start, done, error = perf_counter(), 0, None
        known = next((trial for trial in self.trials if trial.parameters == dict(as_set)), None)
        if known is None:
            known = self._try_as_set(make, evaluate, as_set)
            done += 1
            if on_trial:
                on_trial(known)
        while (trials is None or done < trials) and (
            minutes is None or perf_counter() - start < 60 * minutes
        ):
            proposed = self._study.propose()
            done += 1
            figures = None
            try:
                figures = evaluate(make(plain(proposed)))
            except UNFIT as problem:
                error = problem
            trial = self._add(_row(proposed, False, figures))
            if on_trial:
                on_trial(trial)
        if error is not None and len(self.trials) <= 1:
            raise PolyrecError(f"none of {done} settings could be fitted; the last one: {error}") from error
        return known

    def importance(self) -> dict[str, float]:
        """Setting to its share of what decides whether a trial is among the better ones (PED-ANOVA).

        Watanabe et al., "PED-ANOVA", IJCAI 2023. Empty for one setting, or before there is enough to tell.
        """
        if len(self.spaces) < 2 or len(self.trials) < 2 * RANDOM_TRIALS:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            evaluator = optuna.importance.PedAnovaImportanceEvaluator()
            return dict(optuna.importance.get_param_importances(self._study.study, evaluator=evaluator))

    def _try_as_set(
        self, make: Make, evaluate: Callable[[Matcher], Figures], as_set: Mapping[str, Parameter]
    ) -> Trial:
        """Evaluate the settings as they are; where the search can come upon them, it learns from that."""
        parameters = dict(as_set)
        figures = evaluate(make(parameters))
        if not all(contains(space, parameters[name]) for name, space in self.spaces.items()):
            return Trial(-1, parameters, True, figures)
        trial = self._add(_row(parameters, True, figures))
        assert trial is not None
        return trial

    def _add(self, row: Mapping[str, Any]) -> Trial | None:
        """Count a trial, which is None where it could not be fitted."""
        number = self._study.n_trials
        if row["figures"] is None:
            self._study.add(row, None)
            self.failed += 1
            return None
        figures = Figures(**{**row["figures"], "ndcg": np.array(row["figures"]["ndcg"], dtype=np.float64)})
        self._study.add(row, [figures.mean_ndcg])
        tried = row["parameters"] if row["as_set"] else plain(row["parameters"])
        trial = Trial(number, tried, row["as_set"], figures)
        self.trials.append(trial)
        return trial


def _row(parameters: Mapping[str, Any], as_set: bool, figures: Figures | None) -> dict[str, Any]:
    """A trial as the file keeps it; its parameters as they were proposed, with all their digits."""
    kept = figures and {**asdict(figures), "ndcg": figures.ndcg.tolist()}
    return {"parameters": dict(parameters), "as_set": as_set, "figures": kept}


def best(trials: Sequence[Trial], users: NDArray[np.bool_] | None = None) -> Trial:
    """The trial with the highest mean NDCG over some users (V,) bool, or all; of equal ones the first."""
    chosen = slice(None) if users is None else users
    return max(trials, key=lambda trial: (trial.figures.ndcg[chosen].mean(), -trial.number))


def out_of_fold_value(trials: Sequence[Trial], fold: NDArray[np.int64]) -> OutOfFold:
    """Choose the best trial on each fold of the users, (V,) 0 or 1, and evaluate it on the other."""
    chosen = best(trials, fold == 0), best(trials, fold == 1)
    ndcg = np.where(fold == 1, chosen[0].figures.ndcg, chosen[1].figures.ndcg)
    return OutOfFold(chosen, (float(ndcg[fold == 1].mean()), float(ndcg[fold == 0].mean())), ndcg)


def _distribution(space: Space) -> BaseDistribution:
    if isinstance(space, Choice):
        return CategoricalDistribution(space.options)
    if isinstance(space, Real):
        return FloatDistribution(space.low, space.high, log=space.log)
    return IntDistribution(space.low, space.high, log=space.log)
