"""The search over a matcher's settings: Optuna, one job, seeded, and gone on with where it stopped.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011 (TPE).
"""

import warnings
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from tasks.arrays.types import Floats
from tasks.matching.contract import Matcher, Parameter
from tasks.matching.validation_metrics import Figures
from tasks.settings.space import Choice, Real, Space, contains, plain
from warehouse.errors import PolyrecError

Make = Callable[[Mapping[str, Parameter]], Matcher]
"""Values of the searched settings to a matcher that is not fitted."""
AS_SET = "as_set"  # marks trials of the settings as they were when the search began
RANDOM_TRIALS = 10  # before the sampler learns from what was tried
UNFIT = (ValueError, ArithmeticError, np.linalg.LinAlgError)  # what settings that cannot be fitted raise


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
    """The best trial on half 0, and on half 1."""
    value: tuple[float, float]
    """Each one's mean NDCG on the other half."""
    ndcg: Floats
    """(V,) of each user, by the trial that the other half chose."""


class Search:
    """One matcher's search; trials are kept in a file where one is named, else in memory."""

    def __init__(self, spaces: Mapping[str, Space], seed: int, file: Path | None = None) -> None:
        """Open the search.

        Args:
            spaces: name of a setting to where it is searched.
            seed: with one seed the trials are the same, in one go or in several.
            file: of the trials; one that is there is gone on with.
        """
        if not spaces:
            raise ValueError("there is no setting to search; annotate one in tasks/settings/matching.py")
        self.spaces, self._seed = dict(spaces), seed
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = None
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            storage = optuna.storages.JournalStorage(JournalFileBackend(str(file)))
        self.study = optuna.create_study(
            storage=storage, study_name="search", direction="maximize", load_if_exists=True
        )
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self.study.tell(trial.number, state=TrialState.FAIL)  # its process was killed

    @property
    def trials(self) -> list[Trial]:
        """Every trial that was judged, in order."""
        return [
            _as_trial(trial) for trial in self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        ]

    @property
    def failed(self) -> int:
        """How many trials could not be fitted, or were killed."""
        return len(self.study.get_trials(deepcopy=False, states=(TrialState.FAIL,)))

    def run(
        self,
        make: Make,
        judge: Callable[[Matcher], Figures],
        as_set: Mapping[str, Parameter],
        trials: int | None = None,
        minutes: float | None = None,
        on_trial: Callable[[Trial | None], None] | None = None,
    ) -> Trial:
        """Try further settings, those that are set now before any other; returns the trial of these.

        Args:
            make: a matcher of some settings.
            judge: fits and judges it.
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
            known = self._try_as_set(make, judge, as_set)
            done += 1
            if on_trial:
                on_trial(known)
        while (trials is None or done < trials) and (
            minutes is None or perf_counter() - start < 60 * minutes
        ):
            asked = self._ask()
            done += 1
            parameters: dict[str, Parameter] = plain(asked.params)
            try:
                figures = judge(make(parameters))
            except UNFIT as problem:
                error = problem
                self.study.tell(asked, state=TrialState.FAIL)
                if on_trial:
                    on_trial(None)
                continue
            trial = self._keep(asked, Trial(asked.number, parameters, False, figures))
            if on_trial:
                on_trial(trial)
        if error is not None and len(self.trials) <= 1:
            raise PolyrecError(f"none of {done} settings could be fitted; the last one: {error}") from error
        return known

    def importance(self) -> dict[str, float]:
        """Setting to its share of what decides whether a trial is among the better ones (PED-ANOVA).

        Watanabe et al., "PED-ANOVA", IJCAI 2023. Empty for one setting, or before there is enough to tell.
        """
        inside = [
            trial for trial in self.study.get_trials(deepcopy=False) if trial.state == TrialState.COMPLETE
        ]
        if len(self.spaces) < 2 or len(inside) < 2 * RANDOM_TRIALS:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            evaluator = optuna.importance.PedAnovaImportanceEvaluator()
            return dict(optuna.importance.get_param_importances(self.study, evaluator=evaluator))

    def _ask(self) -> optuna.Trial:
        """Ask for settings; seeded by the trial's number, so that a stop changes nothing that follows."""
        number = len(self.study.get_trials(deepcopy=False))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.study.sampler = optuna.samplers.TPESampler(
                seed=(self._seed * 1_000_003 + number) % 2**32,
                multivariate=True,
                n_startup_trials=RANDOM_TRIALS,
            )
            return self.study.ask({name: _distribution(space) for name, space in self.spaces.items()})

    def _try_as_set(
        self, make: Make, judge: Callable[[Matcher], Figures], as_set: Mapping[str, Parameter]
    ) -> Trial:
        """Judge the settings as they are; where the search can come upon them, it learns from that."""
        parameters = dict(as_set)
        figures = judge(make(parameters))
        if not all(contains(space, parameters[name]) for name, space in self.spaces.items()):
            return Trial(-1, parameters, True, figures)
        self.study.enqueue_trial(parameters)
        asked = self._ask()
        return self._keep(asked, Trial(asked.number, parameters, True, figures))

    def _keep(self, asked: optuna.Trial, trial: Trial) -> Trial:
        """Write a trial down; the last step makes it count."""
        figures = trial.figures
        values: dict[str, Any] = {
            "parameters": trial.parameters,
            AS_SET: trial.as_set,
            "ndcg": b64encode(figures.ndcg.astype("<f8").tobytes()).decode(),
            "effective_catalogue": figures.effective_catalogue,
            "ild": None if np.isnan(figures.ild) else figures.ild,
            "fit_seconds": figures.fit_seconds,
            "score_seconds": figures.score_seconds,
        }
        for key, value in values.items():
            asked.set_user_attr(key, value)
        self.study.tell(asked, figures.mean_ndcg)
        return trial


def best(trials: Sequence[Trial], users: NDArray[np.bool_] | None = None) -> Trial:
    """The trial with the highest mean NDCG over some users, or all; of equal ones the first.

    Args:
        trials: at least one.
        users: (V,) which ones count.
    """
    chosen = slice(None) if users is None else users
    return max(trials, key=lambda trial: (trial.figures.ndcg[chosen].mean(), -trial.number))


def out_of_fold_value(trials: Sequence[Trial], half: NDArray[np.int64]) -> OutOfFold:
    """Choose the best trial on each half of the users, and judge it on the other.

    Args:
        trials: at least one.
        half: (V,) 0 or 1; both occur.
    """
    chosen = best(trials, half == 0), best(trials, half == 1)
    ndcg = np.where(half == 1, chosen[0].figures.ndcg, chosen[1].figures.ndcg)
    return OutOfFold(chosen, (float(ndcg[half == 1].mean()), float(ndcg[half == 0].mean())), ndcg)


def _distribution(space: Space) -> BaseDistribution:
    if isinstance(space, Choice):
        return CategoricalDistribution(space.options)
    if isinstance(space, Real):
        return FloatDistribution(space.low, space.high, log=space.log)
    return IntDistribution(space.low, space.high, log=space.log)


def _as_trial(trial: FrozenTrial) -> Trial:
    kept = trial.user_attrs
    figures = Figures(
        np.frombuffer(b64decode(kept["ndcg"]), dtype="<f8"),
        kept["effective_catalogue"],
        float("nan") if kept["ild"] is None else kept["ild"],
        kept["fit_seconds"],
        kept["score_seconds"],
    )
    return Trial(trial.number, kept["parameters"], kept[AS_SET], figures)
