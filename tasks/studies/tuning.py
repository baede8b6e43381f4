"""`polyrec tune`: search the settings of matchers on validation; every trial is a run of MLflow.

The warehouse is read once, then let go of, since searching takes minutes.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from tasks.arrays.codes import interaction_matrix
from tasks.fusion.tuning import FEWEST_USERS
from tasks.items.recommendable import relevant_events
from tasks.matching.registry import KINDS, build, searched, section_of, with_values
from tasks.matching.validation import Validation
from tasks.metrics.bootstrap import paired_difference
from tasks.metrics.folds import folds_of
from tasks.run.fingerprint import fingerprint
from tasks.run.progress import progress
from tasks.run.tracking import Tracking
from tasks.settings import Settings
from tasks.studies.comparison import as_values
from tasks.studies.old_searches import take_over
from tasks.studies.parameter_search import Search, Trial, best, out_of_fold_value
from tasks.studies.search_plots import search_figure
from tasks.studies.window import read_window, reading, too_few_users
from warehouse.columns import TRAIN, USER, VALIDATION
from warehouse.errors import SettingsError

STAGE = "tuning"
SHOWN = 5  # best trials of a matcher that are printed
TRIALS = 30  # where neither trials nor minutes are given


def tune(
    settings: Settings, matchers: Sequence[str], trials: int | None, minutes: float | None
) -> dict[str, Any]:
    """Search the settings of each matcher and say what is best, and how much of that is luck.

    Args:
        settings: of the run; a search begins with those of its matcher.
        matchers: names; all of [matching] matchers that have something to search when empty.
        trials: of each matcher.
        minutes: of each matcher; no further trial is begun after so many.
    """
    _check_searched(matchers)
    if trials is None and minutes is None:
        trials = TRIALS
    tuning = _Tuning(settings, trials, minutes)
    return {
        "dataset": settings.data.source,
        "protocol": settings.data.protocol,
        "split_hash": tuning.split_hash,
        "seed": settings.seed,
        "k": tuning.k,
        "users": len(tuning.validation.users),
        "searches": [tuning.search(name) for name in _names(tuning.settings, matchers)],
    }


def _check_searched(matchers: Sequence[str]) -> None:
    """Refuse names that cannot be searched before anything is read."""
    for name in matchers:
        if not searched(name):
            section = section_of(name)
            why = section.not_searched if section else "it has no settings of its own"
            raise SettingsError(f"there is nothing to search for {name}: {why}; leave it out")


def _names(settings: Settings, matchers: Sequence[str]) -> list[str]:
    """Those that were named; else all that have something to search."""
    found = list(dict.fromkeys(matchers)) or [name for name in settings.matching.matchers if searched(name)]
    if not found:
        raise SettingsError(
            f"none of [matching] matchers ({', '.join(settings.matching.matchers)}) has settings to search; "
            "name one that has"
        )
    return found


class _Tuning:
    """What the searches share: the train fit, and validation to evaluate it on; nothing of test."""

    def __init__(self, settings: Settings, trials: int | None, minutes: float | None) -> None:
        self.trials, self.minutes = trials, minutes
        self.k = k = settings.evaluation.k
        with reading(settings, "polyrec tune") as source:
            self.settings = settings = source.settings
            events = relevant_events(source.warehouse, settings, VALIDATION)
            if (judged := events[USER].n_unique()) < FEWEST_USERS:
                raise too_few_users(judged)
            window = read_window(source.warehouse, settings, TRAIN)
        relevant = interaction_matrix(events, window.user_ids, window.item_ids)
        block = settings.matching.block_users
        self.validation = Validation(window.data, relevant, window.recommendable, k, block)
        users = self.validation.users
        self.fold = folds_of([window.user_ids[int(user)] for user in users], settings.seed)
        # Of all that figures depend on beside a matcher's settings: other trials are not comparable.
        self.digest = fingerprint(window.digest, events, k)
        self.split_hash = source.split_hash
        self.tracking = Tracking(settings, {"split_hash": source.split_hash, "fit": TRAIN}, source.data)

    def search(self, name: str) -> dict[str, Any]:
        """Search one matcher, keep it in MLflow, and return what is printed."""
        spaces, settings, k = searched(name), self.settings, self.k
        values = getattr(settings.matching, KINDS[name].section).model_dump()
        fixed = {key: value for key, value in values.items() if key not in spaces}
        key = fingerprint(name, self.digest, {key: repr(space) for key, space in spaces.items()}, fixed)
        file = settings.mlflow_folder / "searches" / f"{name}-{key[:16]}.jsonl"
        take_over(file)
        search = Search(spaces, settings.seed, file)
        before, failed_before = len(search.trials), search.failed
        start = perf_counter()
        about = f"Settings of {name}, searched on validation; search.json says what the best is worth."
        with self.tracking.run(STAGE, f"search of {name}", {"matcher": name}, about=about) as parent:
            with progress(f"searching {name}", self.trials, "trials") as advance:

                def on_trial(trial: Trial | None) -> None:
                    advance(1)
                    if trial is not None:
                        self._log(parent, name, trial)

                as_set = search.run(
                    lambda chosen: build(name, with_values(settings.matching, name, chosen)),
                    self.validation,
                    {key: values[key] for key in spaces},
                    self.trials,
                    self.minutes,
                    on_trial,
                )
            found = search.trials if as_set.number >= 0 else [as_set, *search.trials]
            answer = self._answer(name, found, as_set) | {
                "trials_before": before,
                "failed": search.failed - failed_before,
                "seconds": round(perf_counter() - start, 1),
                "importance": search.importance(),
                "mlflow_run_id": parent,
            }
            given = {"seed": settings.seed, "trials": self.trials, "minutes": self.minutes}
            chosen = {f"best_{key}": value for key, value in answer["best"]["parameters"].items()}
            metrics = {f"val_{key}": value for key, value in answer["best"]["figures"].items()}
            metrics |= {f"val_ndcg_at_{k}_gain_{key}": value for key, value in answer["gain"].items()}
            metrics[f"val_ndcg_at_{k}_out_of_fold"] = answer["out_of_fold"]["value"]
            self.tracking.log(parent, {"matcher": name, **given, **chosen}, metrics)
            self.tracking.log_figure(parent, search_figure(name, found, spaces, k), "search.html")
            self.tracking.client.log_dict(parent, answer, "search.json")
        return answer

    def _log(self, parent: str, name: str, trial: Trial) -> None:
        """A trial as a child run, with the metric names that all runs have."""
        row = self._row(trial)
        metrics = {f"val_{key}": value for key, value in row["figures"].items()}
        metrics |= {key: row[key] for key in ("fit_seconds", "score_seconds")}
        title = f"{name}, as set" if trial.as_set else f"{name}, trial {trial.number}"
        with self.tracking.run(STAGE, title, {"matcher": name}, parent) as run_id:
            self.tracking.log(run_id, {"matcher": name, **trial.parameters}, metrics)

    def _answer(self, name: str, trials: Sequence[Trial], as_set: Trial) -> dict[str, Any]:
        """What is said of a search."""
        winner, out_of_fold = best(trials), out_of_fold_value(trials, self.fold)
        resamples = self.settings.evaluation.resamples
        gain = paired_difference(out_of_fold.ndcg, as_set.figures.ndcg, resamples, self.settings.seed)
        ordered = sorted(trials, key=lambda trial: (-trial.figures.mean_ndcg, trial.number))
        return {
            "matcher": name,
            "trials": len(trials),
            "as_set": self._row(as_set),
            "best": self._row(winner),
            "out_of_fold": {
                "value": float(out_of_fold.ndcg.mean()),
                "chosen_on_a": {**self._row(out_of_fold.chosen[0]), "value_on_b": out_of_fold.value[0]},
                "chosen_on_b": {**self._row(out_of_fold.chosen[1]), "value_on_a": out_of_fold.value[1]},
            },
            "gain": as_values(gain),
            "top": [self._row(trial) for trial in ordered[:SHOWN]],
            "toml": _toml(f"matching.{KINDS[name].section}", winner),
        }

    def _row(self, trial: Trial) -> dict[str, Any]:
        """A trial as JSON can hold it; a figure that is not defined is left out."""
        figures = {
            f"ndcg_at_{self.k}": trial.figures.mean_ndcg,
            f"effective_catalogue_at_{self.k}": trial.figures.effective_catalogue,
            f"ild_at_{self.k}": trial.figures.ild,
        }
        return {
            "number": trial.number,
            "as_set": trial.as_set,
            "parameters": trial.parameters,
            "figures": {key: value for key, value in figures.items() if np.isfinite(value)},
            "fit_seconds": trial.figures.fit_seconds,
            "score_seconds": trial.figures.score_seconds,
        }


def _toml(section: str, trial: Trial) -> str:
    """The lines for polyrec.toml; TOML has no word for None, which leaving a key out cannot say either."""
    lines = [f"[{section}]"]
    for key, value in trial.parameters.items():
        match value:
            case None:
                lines.append(f"# {key} = none, which TOML cannot say")
            case bool():
                lines.append(f"{key} = {str(value).lower()}")
            case str():
                lines.append(f'{key} = "{value}"')
            case _:
                lines.append(f"{key} = {value}")
    return "\n".join(lines)
