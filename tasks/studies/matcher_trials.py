"""`polyrec ablate matchers`: what each matcher adds to the fusion, and what it costs."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import polars as pl

from tasks.fusion.tuning import FOLDS, Tuning
from tasks.matching.contract import Matcher
from tasks.matching.registry import build
from tasks.matching.relevance_labels import STUDENT
from tasks.metrics.evaluator import Evaluation
from tasks.run.progress import progress
from tasks.run.tracking import Tracking
from tasks.settings import Settings
from tasks.studies.ablation import Window, split_of, trial_row
from tasks.studies.trial_records import COLD, answer_of, keep
from warehouse.columns import VALIDATION
from warehouse.connection import writing
from warehouse.errors import PolyrecError, SettingsError, WarehouseError
from warehouse.forgetting import exists

TITLE = "ablation of matchers"
NOTE = (
    "Seconds are of the matcher that the line names. Intervals are of the users drawn, not of the search, "
    "which ends elsewhere even when a matcher is added that knows nothing."
)
COLD_NOTE = "Validation has no cold items under cold_item."


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
    labels = window.fit.data.relevance_labels
    if STUDENT in extra and (labels is None or not len(labels.value)):
        raise PolyrecError(f"{STUDENT} has no relevance label to learn from; make some: polyrec relevance")
    tracking = Tracking(settings, {"split_hash": split_hash})
    with tracking.run("evaluation", TITLE) as parent:
        rows, judged = _try(window, names, extra)
        answer = answer_of(settings, TITLE, split_hash, rows, judged)
        answer["notes"] = [NOTE, *([COLD_NOTE] if settings.data.protocol == COLD else [])]
        keep(tracking, parent, answer, judged, settings, "matchers")
    tried = {row.get("matcher") for row in rows}
    answer["variants"] += [
        {"name": f"without {name}", "kind": "without", "missing": "no other matcher proposes candidates"}
        for name in names
        if name not in tried
    ]
    return answer


def _try(
    window: Window, names: Sequence[str], extra: Sequence[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Evaluation]]]:
    """Every trial's row, and its parts."""
    settings = window.settings
    matchers, fit_seconds = _fitted(window, [*names, *extra])
    score_seconds: dict[str, float] = {}
    scores = window.proposed(matchers, score_seconds)
    context = window.context(window.fit.data.text_vectors)
    others = {name: [one for one in names if one != name] for name in names}
    proposing = {matcher.name for matcher in matchers if matcher.proposes}
    chosen = [(name, "without", others[name]) for name in names if not proposing.isdisjoint(others[name])]
    chosen += [(name, "with", [*names, name]) for name in extra]
    total = len(FOLDS) * settings.fusion.trials * (1 + len(chosen))
    with progress("searching fusion weights", total, "trials") as advance:

        def fused(some: Sequence[str]) -> tuple[Tuning, dict[str, Evaluation]]:
            candidates = window.pivoted(_of_these(scores, some), some)
            tuning = window.search(
                candidates, context, publish=False, on_trial=lambda _half, _trial: advance(1)
            )
            return tuning, {"val": window.judge(tuning.users, tuning.items)}

        tuning, baseline = fused(names)
        rows = [trial_row(f"all {len(names)}", "control", tuning, baseline, baseline, settings)]
        judged = [baseline]
        for name, kind, some in chosen:
            tuning, parts = fused(some)
            row = trial_row(f"{kind} {name}", kind, tuning, parts, baseline, settings)
            cost = {"fit_seconds": fit_seconds[name], "score_seconds": score_seconds[name]}
            rows.append({**row, "matcher": name, **cost})
            judged.append(parts)
    return rows, judged


def _fitted(window: Window, names: Sequence[str]) -> tuple[list[Matcher], dict[str, float]]:
    """Matchers by these names, and the seconds that each took to fit."""
    matchers = [build(name, window.settings.matching) for name in names]
    seconds: dict[str, float] = {}
    with progress("fitting matchers", len(matchers), "matchers") as advance:
        for matcher in matchers:
            start = perf_counter()
            matcher.fit(window.fit.data)
            seconds[matcher.name] = perf_counter() - start
            advance(1)
    return matchers, seconds


def _of_these(scores: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """What some matchers think of the candidates that one of them proposes itself."""
    rows = scores.filter(pl.col("matcher").is_in(names))
    proposed = rows.filter(pl.col("own_rank").is_not_null()).select("user", "item").unique()
    return rows.join(proposed, on=["user", "item"], how="semi", maintain_order="left")
