"""`polyrec ablate matchers`: what each matcher adds to the fusion, and what it costs."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from flows.ablation import Window, split_of, trial_row
from flows.trial_records import keep_plots, log_trials
from tasks.evaluation.metrics import Evaluation
from tasks.fusion.tuning import Tuning
from tasks.fusion.weights import Trial
from tasks.matching.contract import Matcher
from tasks.matching.registry import STUDENT, build
from tasks.progress import progress
from tasks.settings import Settings, SettingsError
from tasks.stage import StageNotReady
from tasks.tracking import Tracking
from warehouse.columns import VALIDATION
from warehouse.connection import writing
from warehouse.errors import WarehouseError
from warehouse.forgetting import exists

TITLE = "ablation of matchers"
NOTE = (
    "Seconds are of the matcher that the line names. Intervals are of the users drawn, not of the search, "
    "which ends elsewhere even when a matcher is added that knows nothing."
)
HALVES = 2  # a search for each, which the other one is judged by


class _Trials:
    """Matchers that are fitted once, and the fusion of any of them."""

    def __init__(self, window: Window, names: Sequence[str]) -> None:
        self._window = window
        self._context = window.context(window.fit.data.text_vectors)
        self._matchers: dict[str, Matcher] = {}
        self.fit_seconds: dict[str, float] = {}
        with progress("fitting matchers", len(names), "matchers") as advance:
            for name in names:
                matcher = build(name, window.settings.matching)
                start = perf_counter()
                matcher.fit(window.fit.data)
                self.fit_seconds[name] = perf_counter() - start
                self._matchers[name] = matcher
                advance(1)

    def propose(self, names: Sequence[str]) -> bool:
        """Tell whether any of them proposes candidates."""
        return any(self._matchers[name].proposes for name in names)

    def judge(
        self, names: Sequence[str], on_trial: Callable[[str, Trial], None]
    ) -> tuple[Tuning, Evaluation, dict[str, float]]:
        """Search the weights of these over what they themselves propose; judged out of fold.

        The last are the seconds that each took to score.
        """
        seconds: dict[str, float] = {}
        found = self._window.proposed([self._matchers[name] for name in names], seconds)
        candidates = self._window.pivoted(found, names)
        tuning = self._window.search(candidates, self._context, publish=False, on_trial=on_trial)
        return tuning, self._window.judge(tuning.users, tuning.items), seconds


def ablate_matchers(settings: Settings, extra: Sequence[str] = ()) -> dict[str, Any]:
    """Judge fusion without each matcher of the settings, and with each of some others.

    A matcher that is left out proposes no candidates either. Weights are searched anew each time, and judged
    by the users that they were not searched for.

    Args:
        settings: of the run.
        extra: names of matchers that the settings do not have.
    """
    names = list(settings.matching.matchers)
    for name in extra:
        build(name, settings.matching)  # refuses a name that no matcher has
        if name in names:
            raise SettingsError(
                f"--with {name}: [matching] matchers has it, so it is left out in turn; name another one"
            )
    if len(names) < 2:
        raise SettingsError(
            f"[matching] matchers is {', '.join(names)}; without it nothing would be left: name two or more"
        )
    extra = list(dict.fromkeys(extra))
    matching = settings.matching.model_copy(update={"matchers": [*names, *extra]})
    settings = settings.model_copy(update={"matching": matching})
    if not exists(settings.data_folder):
        raise WarehouseError(f"nothing is ingested yet in {settings.data_folder}; run `polyrec run`")
    with writing(settings.data_folder, "polyrec ablate matchers", settings.lock_timeout_s) as warehouse:
        split_hash = split_of(warehouse, settings)
        window = Window.read(warehouse, settings, VALIDATION)
    judgements = window.fit.data.judgements
    if STUDENT in extra and (judgements is None or not len(judgements.value)):
        raise StageNotReady(f"{STUDENT} has no judgement to learn from; make some: polyrec relevance")
    tracking = Tracking(settings, {"split_hash": split_hash})
    with tracking.run("evaluation", TITLE) as parent:
        rows, judged = _try(window, names, extra)
        k = settings.evaluation.k
        answer: dict[str, Any] = {
            "title": TITLE,
            "dataset": settings.data.source,
            "protocol": settings.data.protocol,
            "split_hash": split_hash,
            "seed": settings.seed,
            "k": k,
            "trials": settings.fusion.trials,
            "baseline": rows[0]["name"],
            "users": {"val": len(judged[0]["val"].per_user[f"ndcg_at_{k}"])},
            "variants": rows,
            "notes": [NOTE],
            "mlflow_run_id": parent,
        }
        log_trials(tracking, parent, answer, judged, settings)
        answer["plots"] = keep_plots(tracking, parent, answer, settings, "matchers")
        tracking.log_dict(parent, answer, "answer.json")
    answer["variants"] += [
        {"name": f"without {name}", "kind": "without", "missing": "no other matcher proposes candidates"}
        for name in names
        if name not in {row.get("matcher") for row in rows}
    ]
    return answer


def _try(
    window: Window, names: Sequence[str], extra: Sequence[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Evaluation]]]:
    """Every trial's row, and its parts."""
    settings = window.settings
    trials = _Trials(window, [*names, *extra])
    others = {name: [one for one in names if one != name] for name in names}
    possible = [name for name in names if trials.propose(others[name])]
    total = HALVES * settings.fusion.trials * (1 + len(possible) + len(extra))
    with progress("searching fusion weights", total, "trials") as advance:

        def judge(some: Sequence[str]) -> tuple[Tuning, Evaluation, dict[str, float]]:
            return trials.judge(some, lambda _half, _trial: advance(1))

        tuning, evaluation, seconds = judge(names)
        baseline = {"val": evaluation}
        judged = [baseline]
        rows = [trial_row(f"all {len(names)}", "with", tuning, baseline, baseline, settings)]
        for name in [*possible, *extra]:
            kind, some = ("with", [*names, name]) if name in extra else ("without", others[name])
            tuning, evaluation, own = judge(some)
            judged.append({"val": evaluation})
            rows.append(
                {
                    **trial_row(f"{kind} {name}", kind, tuning, judged[-1], baseline, settings),
                    "matcher": name,
                    "fit_seconds": trials.fit_seconds[name],
                    "score_seconds": (own if name in extra else seconds)[name],
                }
            )
    return rows, judged
