"""`polyrec tune`: search the settings of matchers on validation; every trial is a run of MLflow.

The warehouse is read once, then let go of, since searching takes minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from tasks.arrays.codes import interaction_matrix
from tasks.items.recommendable import relevant_events
from tasks.matching.data import read_fit
from tasks.matching.journal import take_over
from tasks.matching.parameter_search import OutOfFold, Search, Trial, best, out_of_fold_value
from tasks.matching.plots import search_figure
from tasks.matching.registry import KINDS, build, searched, section_of, with_values
from tasks.matching.validation_metrics import Judge
from tasks.metrics.bootstrap import paired_difference
from tasks.metrics.folds import folds_of
from tasks.run.fingerprint import fingerprint
from tasks.run.progress import progress
from tasks.run.tracking import Tracking
from tasks.settings import Settings
from tasks.studies.comparison import as_values
from warehouse.columns import TRAIN, VALIDATION
from warehouse.connection import writing
from warehouse.errors import PolyrecError, SettingsError, WarehouseError
from warehouse.forgetting import exists

STAGE = "tuning"
SHOWN = 5  # best trials of a matcher that are printed
TRIALS = 30  # where neither trials nor minutes are given


@dataclass(frozen=True)
class Inputs:
    """What is read of the warehouse."""

    judge: Judge
    half: np.ndarray
    """(V,) 0 or 1: the half of each judged user."""
    digest: str
    """Of all that figures depend on beside a matcher's settings: trials of another one are not comparable."""
    split_hash: str


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
    names = _names(settings, matchers)
    if trials is None and minutes is None:
        trials = TRIALS
    inputs = _read(settings)
    tracking = Tracking(settings, {"split_hash": inputs.split_hash, "fit": TRAIN})
    return {
        "dataset": settings.data.source,
        "protocol": settings.data.protocol,
        "split_hash": inputs.split_hash,
        "seed": settings.seed,
        "k": settings.evaluation.k,
        "users": len(inputs.judge.users),
        "searches": [_search(settings, inputs, tracking, name, trials, minutes) for name in names],
    }


def _names(settings: Settings, matchers: Sequence[str]) -> list[str]:
    """Refuse names that cannot be searched before anything is read."""
    for name in matchers:
        if not searched(name):
            section = section_of(name)
            why = section.not_searched if section else "it has no settings of its own"
            raise SettingsError(f"there is nothing to search for {name}: {why}; leave it out")
    found = list(dict.fromkeys(matchers)) or [name for name in settings.matching.matchers if searched(name)]
    if not found:
        raise SettingsError(
            f"none of [matching] matchers ({', '.join(settings.matching.matchers)}) has settings to search; "
            "name one that has"
        )
    return found


def _read(settings: Settings) -> Inputs:
    """Read the train fit and what it is judged on: nothing of test."""
    if not exists(settings.data_folder):
        raise WarehouseError(f"there is no data yet in {settings.data_folder}; run `polyrec run`")
    with writing(settings.data_folder, "polyrec tune", settings.lock_timeout_s) as warehouse:
        split = warehouse.query("split_parts")
        if settings.data.protocol not in split["protocol"]:
            raise PolyrecError(
                f"events are not split by the protocol {settings.data.protocol}; run all stages: polyrec run"
            )
        if warehouse.query("user_vectors", fit=TRAIN).is_empty():
            raise PolyrecError(f"no user has interests of the fit {TRAIN}; run all stages: polyrec run")
        window = read_fit(warehouse, settings, TRAIN)
        events = relevant_events(warehouse, settings, VALIDATION)
    relevant = interaction_matrix(events, window.user_ids, window.item_ids)
    k = settings.evaluation.k
    judge = Judge(window.data, relevant, window.recommendable, k, settings.matching.block_users)
    if len(judge.users) < 2:
        raise PolyrecError(
            f"only {len(judge.users)} users have events of validation that count, need 2 or more to choose "
            "on one half and judge on the other; set another [data] protocol, or loosen min_value in "
            "[evaluation]"
        )
    half = folds_of([window.user_ids[int(user)] for user in judge.users], settings.seed)
    return Inputs(judge, half, fingerprint(window.digest, events, k), split["split_hash"][0])


def _search(
    settings: Settings,
    inputs: Inputs,
    tracking: Tracking,
    name: str,
    trials: int | None,
    minutes: float | None,
) -> dict[str, Any]:
    """Search one matcher, keep it in MLflow, and return what is printed."""
    spaces = searched(name)
    section, k = KINDS[name].section, settings.evaluation.k
    values = getattr(settings.matching, section).model_dump()
    fixed = {key: value for key, value in values.items() if key not in spaces}
    key = fingerprint(name, inputs.digest, {key: repr(space) for key, space in spaces.items()}, fixed)
    file = settings.mlflow_folder / "searches" / f"{name}-{key[:16]}.jsonl"
    take_over(file)
    search = Search(spaces, settings.seed, file)
    before, failed_before = len(search.trials), search.failed
    start = perf_counter()
    with tracking.run(STAGE, f"search of {name}") as parent:
        with progress(f"searching {name}", trials, "trials") as advance:

            def on_trial(trial: Trial | None) -> None:
                advance(1)
                if trial is not None:
                    _log_trial(tracking, parent, name, trial, k)

            as_set = search.run(
                lambda chosen: build(name, with_values(settings.matching, name, chosen)),
                inputs.judge,
                {key: values[key] for key in spaces},
                trials,
                minutes,
                on_trial,
            )
        found = search.trials
        if as_set.number < 0:
            found = [as_set, *found]
        answer = _answer(settings, inputs, name, found, as_set)
        answer |= {
            "trials_before": before,
            "failed": search.failed - failed_before,
            "seconds": round(perf_counter() - start, 1),
            "importance": search.importance(),
            "mlflow_run_id": parent,
        }
        params = {"matcher": name, "seed": settings.seed, "trials": trials, "minutes": minutes}
        chosen = {f"best_{key}": value for key, value in answer["best"]["parameters"].items()}
        figures = {f"val_{key}": value for key, value in answer["best"]["figures"].items()}
        gain = {f"val_ndcg_at_{k}_gain_{key}": value for key, value in answer["gain"].items()}
        fold = {f"val_ndcg_at_{k}_out_of_fold": answer["out_of_fold"]["value"]}
        tracking.log(parent, params={**params, **chosen}, metrics={**_finite(figures), **gain, **fold})
        tracking.log_figure(parent, search_figure(name, found, spaces, k), "search.html")
        tracking.client.log_dict(parent, answer, "search.json")
    return answer


def _answer(
    settings: Settings, inputs: Inputs, name: str, trials: Sequence[Trial], as_set: Trial
) -> dict[str, Any]:
    """What is said of a search."""
    row = partial(_row, k=settings.evaluation.k)
    winner = best(trials)
    fold = out_of_fold_value(trials, inputs.half)
    gain = paired_difference(fold.ndcg, as_set.figures.ndcg, settings.evaluation.resamples, settings.seed)
    ordered = sorted(trials, key=lambda trial: (-trial.figures.mean_ndcg, trial.number))
    return {
        "matcher": name,
        "trials": len(trials),
        "as_set": row(as_set),
        "best": row(winner),
        "out_of_fold": _fold_row(fold, row),
        "gain": as_values(gain),
        "top": [row(trial) for trial in ordered[:SHOWN]],
        "toml": _toml(f"matching.{KINDS[name].section}", winner),
    }


def _row(trial: Trial, k: int) -> dict[str, Any]:
    """A trial as JSON can hold it."""
    figures = trial.figures
    return {
        "number": trial.number,
        "as_set": trial.as_set,
        "parameters": trial.parameters,
        "figures": _finite(
            {
                f"ndcg_at_{k}": figures.mean_ndcg,
                f"effective_catalogue_at_{k}": figures.effective_catalogue,
                f"ild_at_{k}": figures.ild,
            }
        ),
        "fit_seconds": figures.fit_seconds,
        "score_seconds": figures.score_seconds,
    }


def _fold_row(fold: OutOfFold, row: Any) -> dict[str, Any]:
    """Both ways, and both together."""
    return {
        "value": float(fold.ndcg.mean()),
        "chosen_on_a": {**row(fold.chosen[0]), "value_on_b": fold.value[0]},
        "chosen_on_b": {**row(fold.chosen[1]), "value_on_a": fold.value[1]},
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


def _log_trial(tracking: Tracking, parent: str, name: str, trial: Trial, k: int) -> None:
    """A trial as a child run, with the metric names that all runs have."""
    values = _row(trial, k)
    metrics = {f"val_{key}": value for key, value in values["figures"].items()}
    metrics |= {key: values[key] for key in ("fit_seconds", "score_seconds")}
    title = f"{name}, as set" if trial.as_set else f"{name}, trial {trial.number}"
    with tracking.run(STAGE, title, {"matcher": name}, parent) as run_id:
        tracking.log(run_id, params={"matcher": name, **trial.parameters}, metrics=metrics)


def _finite(values: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in values.items() if np.isfinite(value)}
