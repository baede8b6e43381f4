"""A search that version 0.1 kept goes on as if today's had made its trials."""

import warnings
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from tasks.studies.old_searches import take_over
from tasks.studies.parameter_search import RANDOM_TRIALS, Search, Trial
from tests.studies.test_parameter_search import AS_SET, SPACES, evaluate, make

SEED = 3


def old_journal(file: Path, trials: list[Trial]) -> None:
    """What version 0.1 wrote of trials; the last one was under way when it was killed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(file.with_suffix(".journal"))))
    study = optuna.create_study(storage=storage, study_name="search", direction="maximize")
    space: dict[str, Any] = {
        "depth": optuna.distributions.IntDistribution(1, 9),
        "rate": optuna.distributions.FloatDistribution(0.01, 1, log=True),
        "loss": optuna.distributions.CategoricalDistribution(("good", "bad")),
    }
    study.enqueue_trial(AS_SET)
    for number, trial in enumerate([*trials, None]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.sampler = optuna.samplers.TPESampler(
                seed=SEED * 1_000_003 + number, multivariate=True, n_startup_trials=RANDOM_TRIALS
            )
        asked = study.ask(space)
        if trial is None:
            break
        figures = trial.figures
        for key, value in {
            "parameters": trial.parameters,
            "as_set": trial.as_set,
            "ndcg": b64encode(figures.ndcg.astype("<f8").tobytes()).decode(),
            "effective_catalogue": figures.effective_catalogue,
            "ild": None if np.isnan(figures.ild) else figures.ild,
            "fit_seconds": figures.fit_seconds,
            "score_seconds": figures.score_seconds,
        }.items():
            asked.set_user_attr(key, value)
        study.tell(asked, figures.mean_ndcg)
    assert study.get_trials(states=(TrialState.RUNNING,))


def told(trials: list[Trial]) -> list[tuple[Any, ...]]:
    return [(one.number, one.parameters, one.as_set, one.figures.ndcg.tolist()) for one in trials]


def test_old_trials_are_gone_on_with(tmp_path: Path) -> None:
    today = Search(SPACES, SEED, tmp_path / "today" / "search.jsonl")
    today.run(make, evaluate, AS_SET, trials=5)
    file = tmp_path / "old" / "search.jsonl"
    old_journal(file, today.trials)
    take_over(file)
    take_over(file)
    old = Search(SPACES, SEED, file)
    assert told(old.trials) == told(today.trials) and old.failed == 1
    assert np.isnan(old.trials[0].figures.ild)
    old.run(make, evaluate, AS_SET, trials=2)
    assert len(old.trials) == 7 and not file.with_suffix(".journal").exists()


def test_where_there_is_no_journal_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "search.jsonl"
    take_over(file)
    assert not file.exists()
    file.write_text("")
    file.with_suffix(".journal").write_text("of another time")
    take_over(file)
    assert file.read_text() == "" and file.with_suffix(".journal").exists()
