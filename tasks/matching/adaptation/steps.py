"""Settings adapted to the data, before anything is fitted: on a first run, and when the data changed much."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from tasks.matching.adaptation.due import why_due
from tasks.matching.adaptation.held_out import hold_out
from tasks.matching.adaptation.plan import COMPETING, MatcherPlan, World, make_plan
from tasks.matching.adaptation.search import Found, Judged, Search, left_out
from tasks.matching.data import Fit, read_fit
from tasks.matching.registry import KINDS
from tasks.run.adaptation import adaptation_lines, adaptation_report, kept_choice
from tasks.run.fingerprint import fingerprint
from tasks.run.progress import progress
from tasks.run.stage import StageRun
from tasks.run.step import step, tell
from tasks.run.study import TrialFile
from tasks.run.tracking import Tracking
from tasks.settings.adaptation import adapted, adapts
from warehouse.columns import TRAIN

TABLE = "matching.adaptation"
LEAST_USERS = 20  # who can be judged: fewer say nothing


@step("adapt settings")
def adapt(run: StageRun) -> None:
    """Search the settings of matchers where that is due, and let the run go on with what was chosen."""
    matching = run.given.matching
    if not adapts(run.given):
        return
    rows = run.warehouse.query("adaptation")
    kept = rows.row(0, named=True) if rows.height else None
    names = [name for name in matching.matchers if name in COMPETING]
    why = why_due(kept, _counts(run), names, matching.adapt_change, matching.adapt_anew)
    begun = sorted((run.settings.mlflow_folder / "searches").glob("adaptation-*.jsonl"))
    if why is None and not begun:
        return
    window = read_fit(run.warehouse, run.given, TRAIN)
    key = _key(run, window)
    file = run.settings.mlflow_folder / "searches" / f"adaptation-{key}.jsonl"
    if why is not None or (file in begun and (kept is None or kept["adaptation_id"] != key)):
        _adapt(run, window, key, file, why or "a search that had begun")
        run.settings = adapted(run.given, kept_choice(run.warehouse))
    for other in {*begun, file}:
        other.unlink(missing_ok=True)


def _counts(run: StageRun) -> dict[str, int]:
    """What the rule goes by."""
    counted = run.warehouse.query("data_counts").row(0, named=True)
    return {"users": counted["users"], "items": counted["items"], "events": counted["interactions"]}


def _key(run: StageRun, window: Fit) -> str:
    """Hash of all that a search depends on."""
    given, asked = run.given, {"adapt", "adapt_anew", "adapt_change", "least_share"}
    evaluation = given.evaluation
    return fingerprint(
        window.digest, given.matching.model_dump(exclude=asked), evaluation.k, evaluation.min_value
    )[:16]


def _adapt(run: StageRun, window: Fit, key: str, file: Path, why: str) -> None:
    """Search, and keep what was found: the row is written last, in one step."""
    given = run.given
    held_out = hold_out(window.data, window.recommendable, given.evaluation.min_value)
    found: list[Found] = []
    judged: list[list[Judged]] = []
    if held_out.users >= LEAST_USERS:
        trials = TrialFile(file)
        why, plans = _begun(run, window, trials, why)
        total = sum(plan.fits for plan in plans)
        with progress("adapting settings", total, "fits") as advance:

            def on_judged(some: list[Judged]) -> None:
                judged.append(some)
                advance(1)

            search = Search(held_out, given.matching, given.evaluation.k, trials, on_judged)
            for plan in plans:
                advance(0, plan.name)
                found.append(search.run(plan))
    out = left_out(found, given.matching.least_share)
    row = {
        "adaptation_id": key,
        "reason": why,
        **_counts(run),
        "judged_users": held_out.users,
        "matchers": [name for name in given.matching.matchers if name in COMPETING],
        "settings": json.dumps(_changed(found)),
        "left_out": json.dumps(out),
        "found": json.dumps([_told(one, one.name in out) for one in found]),
        "adapted_at": datetime.now(UTC),
    }
    run.warehouse.replace(TABLE, pl.DataFrame([row]))
    report = adaptation_report(run.warehouse)
    assert report is not None
    said = adaptation_lines(report)
    _track(run, row, judged, found, said)
    run.counts |= {"adapted_fits": len(judged), "adapted_judged_users": held_out.users}
    for line in said:
        tell(line)


def _begun(run: StageRun, window: Fit, trials: TrialFile, why: str) -> tuple[str, list[MatcherPlan]]:
    """Why there is a search, and its plan: a new file begins with both, one of a killed run tells them."""
    if not trials.known:
        data = window.data.learned
        world = World(data.n_users, data.n_items, len(data.user))
        plans = make_plan(run.given.matching, world, run.given.seed)
        trials.add({"why": why, "plan": [one.to_json() for one in plans]})
        return why, plans
    first = trials.known[0]
    return first["why"], [MatcherPlan.from_json(one) for one in first["plan"]]


def _changed(found: Sequence[Found]) -> dict[str, dict[str, Any]]:
    """Section of [matching] to the settings that are to differ from those that were set."""
    return {KINDS[one.name].section: one.changed for one in found if one.changed}


def _told(one: Found, is_left_out: bool) -> dict[str, Any]:
    """What is said of a matcher."""
    changed = {key: {"set": one.as_set[key], "chosen": value} for key, value in one.changed.items()}
    return {
        "matcher": one.name,
        "changed": changed,
        "ndcg_as_set": one.as_set_ndcg,
        "ndcg": one.ndcg,
        "compared": one.compared,
        "left_out": is_left_out,
    }


def _track(
    run: StageRun,
    row: Mapping[str, Any],
    judged: Sequence[Sequence[Judged]],
    found: Sequence[Found],
    said: Sequence[str],
) -> None:
    """Log the search: a child run for each fit, with the best way of applying it."""
    tracking, k = Tracking.of(run, fit=TRAIN), run.given.evaluation.k
    about = "Settings adapted to the data, judged on the last block of each train history."
    told = {f"{one.name}.{key}": value for one in found for key, value in one.changed.items()}
    figures = {f"inner_ndcg_at_{k}_{one.name}": one.ndcg for one in found}
    with tracking.run("matching", "adaptation", about=about) as parent:
        whole = {"reason": row["reason"], "left_out": row["left_out"], "seed": run.given.seed}
        tracking.log(parent, whole | told, figures | {"judged_users": row["judged_users"]})
        tracking.client.log_text(parent, "\n".join(said) + "\n", "adaptation.txt")
        for number, some in enumerate(judged):
            best = max(some, key=lambda one: one.value)
            title = f"{best.matcher}, rung {best.rung}, trial {number}"
            with tracking.run("matching", title, {"matcher": best.matcher}, parent) as run_id:
                metrics = {f"inner_ndcg_at_{k}": best.value, "fit_seconds": best.fit_seconds}
                tracking.log(run_id, {"matcher": best.matcher, **best.parameters}, metrics)
