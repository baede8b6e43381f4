"""`polyrec ablate matchers`: what each matcher adds to the fusion, and what it costs."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import polars as pl

from tasks.fusion.tuning import FOLDS
from tasks.matching.contract import Matcher
from tasks.matching.registry import build
from tasks.matching.relevance_labels import STUDENT
from tasks.run.progress import progress
from tasks.settings import Settings
from tasks.studies.variants import COLD, Result, Study
from tasks.studies.window import Window, reading
from warehouse.columns import VALIDATION
from warehouse.errors import PolyrecError, SettingsError

TITLE = "ablation of matchers"
NOTE = (
    "Seconds are of the matcher that the line names. Intervals are of the users drawn, not of the search, "
    "which ends elsewhere even when a matcher is added that knows nothing."
)
COLD_NOTE = "Validation has no cold items under cold_item."


def ablate_matchers(settings: Settings, extra: Sequence[str] = ()) -> dict[str, Any]:
    """Compare fusion without each matcher of the settings, and with each of some others.

    A matcher that is left out proposes no candidates either. Weights are searched anew each time, and
    evaluated on the users that they were not searched for.

    Args:
        settings: of the run.
        extra: names of matchers that the settings do not have.
    """
    extra = list(dict.fromkeys(extra))
    for name in extra:
        build(name, settings.matching)  # refuses a name that no matcher has
    with reading(settings, "polyrec ablate matchers") as source:
        settings = source.settings
        names = list(settings.matching.matchers)
        _check_names(names, extra)
        matching = settings.matching.model_copy(update={"matchers": [*names, *extra]})
        settings = settings.model_copy(update={"matching": matching})
        window = Window.read(source.warehouse, settings, VALIDATION)
    labels = window.fit.data.relevance_labels
    if STUDENT in extra and (labels is None or not len(labels.value)):
        raise PolyrecError(f"{STUDENT} has no relevance label to learn from; make some: polyrec relevance")
    notes = [NOTE, *([COLD_NOTE] if settings.data.protocol == COLD else [])]
    study = Study(TITLE, "matchers", f"all {len(names)}", settings, source)
    answer = study.run(lambda _parent: _results(window, names, extra, study.baseline), notes)
    tried = {row.get("matcher") for row in answer["variants"]}
    answer["variants"] += [
        {"name": f"without {name}", "kind": "without", "missing": "no other matcher proposes candidates"}
        for name in names
        if name not in tried
    ]
    return answer


def _check_names(names: Sequence[str], extra: Sequence[str]) -> None:
    """Refuse a matcher that is there already, and one matcher alone."""
    for name in extra:
        if name in names:
            raise SettingsError(
                f"--with {name}: [matching] matchers has it, so it is left out in turn; name another one"
            )
    if len(names) < 2:
        raise SettingsError(
            f"[matching] matchers is {', '.join(names)}; without it nothing would be left: name two or more"
        )


def _results(window: Window, names: Sequence[str], extra: Sequence[str], baseline: str) -> list[Result]:
    """All matchers, each left out in turn, and the extra ones added in turn."""
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

        def result(name: str, kind: str, some: Sequence[str], more: Mapping[str, Any]) -> Result:
            advance(0, name)
            candidates = window.pivoted(_of_these(scores, some), some)
            tuning = window.search(candidates, context, publish=False, on_trial=lambda _, __: advance(1))
            return Result(name, kind, tuning, {"val": window.evaluate(tuning.users, tuning.items)}, more)

        results = [result(baseline, "control", names, {})]
        for name, kind, some in chosen:
            cost = {"fit_seconds": fit_seconds[name], "score_seconds": score_seconds[name]}
            results.append(result(f"{kind} {name}", kind, some, {"matcher": name, **cost}))
    return results


def _fitted(window: Window, names: Sequence[str]) -> tuple[list[Matcher], dict[str, float]]:
    """Matchers by these names, and the seconds that each took to fit."""
    matchers = [build(name, window.settings.matching) for name in names]
    seconds: dict[str, float] = {}
    with progress("fitting matchers", len(matchers), "matchers") as advance:
        for matcher in matchers:
            advance(0, matcher.name)
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
