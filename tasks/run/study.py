"""A search by Optuna that can be stopped at any time: trials are kept in a file, and told to the study again.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011 (TPE).
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial


class TrialFile:
    """Trials as lines of JSON in a file, or in memory only; what was cut short by a kill is dropped."""

    def __init__(self, file: Path | None) -> None:
        self.known: list[dict[str, Any]] = []
        """Trials that the file held when it was opened, in order."""
        self._file = file
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            whole = file.read_bytes() if file.exists() else b""
            whole = whole[: whole.rfind(b"\n") + 1]  # a kill may have cut the last line short
            file.write_bytes(whole)
            self.known = [json.loads(line) for line in whole.splitlines()]

    def add(self, trial: Mapping[str, Any]) -> None:
        """Write a trial down: whatever JSON can hold."""
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(trial) + "\n")  # floats keep all their digits


class ResumableStudy:
    """An Optuna study that writes each trial down as one line of JSON.

    The sampler is seeded by the seed and the trial's number. So a search that goes on from a file ends as one
    that was never stopped. One job only: a parallel search cannot be repeated.
    """

    def __init__(
        self,
        objectives: int,
        space: Mapping[str, BaseDistribution],
        seed: int,
        random_trials: int,
        file: Path | None = None,
    ) -> None:
        """Open or make the file; its trials are in `known` until they are added.

        Args:
            objectives: how many values a trial has, all to be high.
            space: name of a parameter to where it is searched.
            seed: the same seed gives the same search.
            random_trials: before the sampler learns from what was tried.
            file: of the trials; in memory only when None.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.study = optuna.create_study(directions=[StudyDirection.MAXIMIZE] * objectives)
        self._file = TrialFile(file)
        self.known = self._file.known
        """Trials of the file, in order."""
        self._space, self._seed, self._random_trials = dict(space), seed, random_trials
        self._asked: optuna.Trial | None = None
        self.n_trials = 0

    def propose(self) -> dict[str, Any]:
        """Parameters that the sampler suggests for the next trial; add that trial before any other."""
        with warnings.catch_warnings():
            # Optuna calls `multivariate` experimental. It finds a better front in a third of the time.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.study.sampler = optuna.samplers.TPESampler(
                seed=(self._seed * 1_000_003 + self.n_trials) % 2**32,
                multivariate=True,
                n_startup_trials=self._random_trials,
            )
        self._asked = self.study.ask(self._space)
        return {name: self._asked.params[name] for name in self._space}

    def add(
        self,
        trial: Mapping[str, Any],
        values: Sequence[float] | None,
        constraints: Mapping[str, float] | None = None,
    ) -> None:
        """Tell the study a trial, and write it down unless it is from the file.

        Args:
            trial: whatever JSON can hold, with `parameters`: those proposed, or others.
            values: of the objectives; None for a trial that failed.
            constraints: each is met where it is at most 0.
        """
        if self.n_trials >= len(self.known):
            self._file.add(trial)
        self.n_trials += 1
        state = TrialState.FAIL if values is None else TrialState.COMPLETE
        asked, self._asked = self._asked, None
        if asked is None:
            told = create_trial(
                state=state,
                values=values,
                params=trial["parameters"],
                distributions=self._space,
                constraints=dict(constraints or {}),
            )
            self.study.add_trial(told)
            return
        for name, value in (constraints or {}).items():
            asked.set_constraint(name, value)
        self.study.tell(asked, values, state)
