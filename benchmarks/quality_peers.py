"""The peers' side of benchmarks/quality.py: each is tuned on validation, then fitted again for test.

A peer answers with scored lists, nothing else; what they are worth is decided here, by the evaluator that
judges Polyrec. Settings are chosen out of fold: the lists of each half of the validation users come from the
trial that is best on the other half. Test gets the trial that is best on all of them.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import optuna
import polars as pl
from numpy.typing import NDArray

from benchmarks.quality_ours import Judged, Scored
from benchmarks.quality_process import PeerFailed, PeerTooSlow, Process
from tasks.arrays.codes import codes
from tasks.fusion.candidates import Candidates
from tasks.fusion.tuning import FINAL, FOLDS
from tasks.metrics.evaluator import evaluate_lists
from tasks.metrics.folds import folds_of
from tasks.metrics.lists import lists_from_frame
from tasks.metrics.ranking import contains, mean_defined, ndcg
from tasks.studies.window import Window
from warehouse.columns import ITEM, MATCHER, RANK, SCORE, USER

TOP_N = 200
ONE_FIT_S = (
    1800.0  # of a fit that no budget bounds: the first trial of a long search, and fits with chosen settings
)
STARTUP_TRIALS = 5


@dataclass(frozen=True)
class Budget:
    """The same for every peer."""

    trials: int
    minutes: float
    """What is used up first ends a peer's search; its first trial is waited for."""
    first_s: float = ONE_FIT_S
    """So long; a peer that has not done one trial by then is left out."""


@dataclass(frozen=True)
class Tuned:
    """What a search found."""

    chosen: dict[str, dict[str, Any]]
    """"fold_a", "fold_b" (each the best on that fold) and "all" to parameters."""
    trials: int
    """Those that gave lists."""
    failed: int
    seconds: float
    package: str


@dataclass(frozen=True)
class Answer:
    """One fit's scored lists."""

    rows: pl.DataFrame
    fit_s: float
    score_s: float


class Bout:
    """One peer on one split: asks its process, checks and judges what it answers."""

    def __init__(self, process: Process, folder: Path, parts: Mapping[str, Window], seed: int) -> None:
        """Take a running process.

        Args:
            process: of the peer.
            folder: parts lie below it, from `write_part`; answers go there.
            parts: by name.
            seed: of the search and of every fit.
        """
        self._process, self._folder, self._parts, self._seed = process, folder, parts, seed
        self.peer = process.peer
        validation = parts["validation"]
        self._judged_ids = judged_ids(validation)
        self._half = folds_of(self._judged_ids, seed)
        self._answered: dict[str, tuple[Path, dict[str, float]]] = {}

    def tune(self, budget: Budget, cache: Path, on_trial: Callable[[str, float], None]) -> Tuned:
        """Search on validation, unless the same search is in the cache.

        Args:
            budget: of this peer.
            cache: a JSON file, of this split.
            on_trial: called with what was tried and its NDCG.
        """
        key = self._key(budget)
        known = _read(cache).get(self.peer.name, {})
        if known.get("asked") == key:
            return Tuned(**known["found"])
        tuned = self._search(budget, on_trial)
        cache.parent.mkdir(parents=True, exist_ok=True)
        kept = {**_read(cache), self.peer.name: {"asked": key, "found": asdict(tuned)}}
        cache.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
        return tuned

    def answer(self, part: str, tuned: Tuned) -> Answer:
        """Scored lists with the settings found: out of fold on validation."""
        if part != "validation":
            return self.ask(part, tuned.chosen[FINAL], ONE_FIT_S)
        first, second = (tuned.chosen[half] for half in FOLDS)
        for_b = self.ask(part, first, ONE_FIT_S)
        for_a = for_b if second == first else self.ask(part, second, ONE_FIT_S)
        ids = pl.Series(self._judged_ids, dtype=pl.String)
        in_b = ids.filter(pl.Series(self._half == 1)).implode()
        rows = pl.concat(
            [for_a.rows.filter(~pl.col(USER).is_in(in_b)), for_b.rows.filter(pl.col(USER).is_in(in_b))]
        )
        return Answer(rows, for_b.fit_s, for_b.score_s)

    def ask(self, part: str, parameters: Mapping[str, Any], timeout_s: float) -> Answer:
        """Fit on a part's window with some parameters; lists that may not be are refused.

        What was asked before is not fitted again: searches end with lists that validation needs.
        """
        key = json.dumps([part, parameters], sort_keys=True)
        if key not in self._answered:
            answer = self._folder / f"{self.peer.name}-{part}-{len(self._answered)}.parquet"
            self._answered[key] = answer, self._fit(answer, part, parameters, timeout_s)
        answer, seconds = self._answered[key]
        rows = without_seen_only(pl.read_parquet(answer), self._parts[part])
        return Answer(rows, seconds["fit_s"], seconds["score_s"])

    def _fit(
        self, answer: Path, part: str, parameters: Mapping[str, Any], timeout_s: float
    ) -> dict[str, float]:
        """The seconds of a fit; its lists lie in a file."""
        asked = {
            "part": str(self._folder / part),
            "parameters": dict(parameters),
            "seed": self._seed,
            "top_n": TOP_N,
            "answer": str(answer),
        }
        seconds = self._process.ask(asked, timeout_s)
        check_rows(pl.read_parquet(answer), self._parts[part], self.peer.name)
        return seconds

    def _key(self, budget: Budget) -> dict[str, Any]:
        """All that a search depends on, besides the split."""
        window = self._parts["validation"]
        known = json.dumps(self._process.known, sort_keys=True)
        return {
            **asdict(budget),
            "seed": self._seed,
            "k": window.truth.k,
            "package": self._process.package,
            "space": hashlib.sha256(known.encode()).hexdigest()[:16],
        }

    def _search(self, budget: Budget, on_trial: Callable[[str, float], None]) -> Tuned:
        """TPE after what is recommended; one trial after the other, since each learns from those before."""
        known = self._process.known
        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=self._seed, n_startup_trials=STARTUP_TRIALS),
        )
        for parameters in (*known["starts"], known["defaults"]):
            study.enqueue_trial(parameters)
        tried: list[dict[str, Any]] = []
        values: list[NDArray[np.float64]] = []
        failures: list[str] = []
        start = perf_counter()
        for _ in range(budget.trials):
            left = budget.minutes * 60 - (perf_counter() - start)
            if left <= 0 and tried:
                break
            trial = study.ask()
            parameters = {name: _suggest(trial, name, one) for name, one in known["space"].items()}
            try:
                answer = self.ask("validation", parameters, left if tried else budget.first_s)
            except (PeerFailed, PeerTooSlow) as error:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                failures.append(str(error))
                if perf_counter() - start > max(budget.minutes * 60, budget.first_s):
                    break
                continue
            per_user = self._ndcg(answer.rows)
            study.tell(trial, mean_defined(per_user))
            tried.append(parameters)
            values.append(per_user)
            on_trial(self.peer.name, mean_defined(per_user))
        if not tried:
            raise PeerFailed(f"not one of its trials succeeded: {failures[0]}")
        table = np.stack(values)  # (T, U)
        chosen = {
            FOLDS[0]: tried[int(table[:, self._half == 0].mean(axis=1).argmax())],
            FOLDS[1]: tried[int(table[:, self._half == 1].mean(axis=1).argmax())],
            FINAL: tried[int(table.mean(axis=1).argmax())],
        }
        return Tuned(chosen, len(tried), len(failures), perf_counter() - start, self._process.package)

    def _ndcg(self, rows: pl.DataFrame) -> NDArray[np.float64]:
        """(U,) of the judged users' lists."""
        window = self._parts["validation"]
        truth = window.truth
        lists = lists_from_frame(rows, self._judged_ids, window.fit.item_ids, truth.k)
        return ndcg(contains(truth.relevant, lists), truth.n_relevant)


def judged_ids(window: Window) -> list[str]:
    """Ids of the users whose lists are judged, in their order."""
    return [window.fit.user_ids[int(code)] for code in window.users]


def without_seen_only(rows: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Scored lists without what users had by events that show no interest, of which peers are not told."""
    had = window.fit.data.seen_only
    if had is None or rows.is_empty():
        return rows
    user, item = codes(rows[USER], window.fit.user_ids), codes(rows[ITEM], window.fit.item_ids)
    kept = rows.filter(pl.Series(np.asarray(had[user, item]).ravel() == 0))
    return kept.with_columns(pl.col(RANK).rank("ordinal").over(USER).cast(rows.schema[RANK]))


def check_rows(rows: pl.DataFrame, window: Window, name: str) -> None:
    """Refuse lists that no honest figure can come from.

    Raises:
        PeerFailed: a list holds what the user has already, what may not be recommended, or no number.
    """
    user, item = codes(rows[USER], window.fit.user_ids), codes(rows[ITEM], window.fit.item_ids)
    seen = window.fit.data.seen
    if len(user) and np.asarray(seen[user, item]).any():
        at = int(np.flatnonzero(np.asarray(seen[user, item]).ravel())[0])
        raise PeerFailed(f"{name} recommends item {rows[ITEM][at]!r}, which user {rows[USER][at]!r} has")
    if window.truth.recommendable is not None and not window.truth.recommendable[item].all():
        at = int(np.flatnonzero(~window.truth.recommendable[item])[0])
        raise PeerFailed(f"{name} recommends item {rows[ITEM][at]!r}, which may not be recommended")
    if not rows[SCORE].is_finite().all():
        raise PeerFailed(f"{name} gives scores that are not finite")


def judge(answer: Answer, window: Window) -> Judged:
    """Judge the first k of each list; a user without one has an empty list."""
    ids = judged_ids(window)
    lists = lists_from_frame(
        answer.rows.filter(pl.col(USER).is_in(ids)), ids, window.fit.item_ids, window.truth.k
    )
    return Judged(evaluate_lists(lists, window.truth), answer.fit_s, answer.score_s)


def together(answers: Mapping[str, Answer], window: Window) -> Scored:
    """The candidates of all peers together, as our fusion takes them.

    Candidates are the union of what each proposes first, as many as a matcher of ours proposes. An item that
    a peer did not return for a user counts as the lowest score that it returned for that user (0 where it
    returned nothing).

    Args:
        answers: by the peer's name.
        window: the part.
    """
    most = window.settings.matching.candidates
    first = [answer.rows.filter(pl.col(RANK) <= most).select(USER, ITEM) for answer in answers.values()]
    pairs = pl.concat(first).unique().sort(USER, ITEM)
    rows = []
    for name, answer in answers.items():
        lowest = answer.rows.group_by(USER).agg(pl.col(SCORE).min().alias("lowest"))
        scored = pairs.join(answer.rows.select(USER, ITEM, SCORE), on=[USER, ITEM], how="left").join(
            lowest, on=USER, how="left"
        )
        rows.append(
            scored.select(
                USER,
                ITEM,
                pl.lit(name).alias(MATCHER),
                pl.coalesce(SCORE, "lowest", pl.lit(0.0)).cast(pl.Float32).alias(SCORE),
            )
        )
    candidates = Candidates.from_frame(
        pl.concat(rows), window.fit.user_ids, window.fit.item_ids, list(answers)
    )
    return Scored(candidates, {name: judge(answer, window) for name, answer in answers.items()})


def _read(cache: Path) -> dict[str, Any]:
    """What was found before, by peer."""
    return json.loads(cache.read_text(encoding="utf-8")) if cache.exists() else {}


def _suggest(trial: optuna.Trial, name: str, one: Mapping[str, Any]) -> Any:
    """One parameter of a trial, from its range."""
    match one["kind"]:
        case "int":
            return trial.suggest_int(name, one["low"], one["high"], log=one.get("log", False))
        case "float":
            return trial.suggest_float(name, one["low"], one["high"], log=one.get("log", False))
        case "categorical":
            return trial.suggest_categorical(name, one["choices"])
        case kind:
            raise ValueError(
                f"parameter {name} is of kind {kind!r}; a peer's space has int, float, categorical"
            )
