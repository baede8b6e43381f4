"""Evaluation: every model's lists on validation and, once, on test; compare; report."""

import polars as pl
from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact

from tasks.arrays.types import Codes
from tasks.evaluation.plots import comparison_figure
from tasks.evaluation.report import FUSIONS, judged_users, report_markdown
from tasks.evaluation.summary import build_report
from tasks.evaluation.tables import (
    best_single,
    clear_figures,
    spreads,
    write_comparisons,
    write_groups,
    write_judged,
    write_metrics,
    write_per_user,
)
from tasks.evaluation.truth import NothingToJudge, read_truth
from tasks.items.recommendable import FIT_OF_PART, held_back
from tasks.metrics.evaluator import evaluate_at, truths_at
from tasks.metrics.lists import lists_from_frame
from tasks.run.fingerprint import fingerprint
from tasks.run.stage import StageRun
from tasks.run.step import counted, step
from tasks.run.tracking import Tracking
from warehouse.columns import MATCHER, USER, VALIDATION
from warehouse.snapshot import write_snapshot


@step("is anything new")
def is_new(run: StageRun) -> bool:
    """Whether the lists, the split or the settings differ from those of the last evaluation."""
    run.fingerprint = fingerprint(
        run.warehouse.query("split_parts"),
        # Not serving.current: a rollback brings lists back, but evaluates nothing.
        run.warehouse.query("last_made").select("fusion_id", "data_fingerprint"),
        run.settings.evaluation.model_dump(),
        run.settings.seed,
        *_had_before(run),
    )
    last = run.warehouse.query("last_runs").filter(pl.col("stage") == "evaluation")
    run.unchanged = bool(last.height) and last["fingerprint"][0] == run.fingerprint
    return not run.unchanged


def _had_before(run: StageRun) -> list[int]:
    """How many events of each part are of what their users had; nothing where none are."""
    known = [held_back(run.warehouse, run.settings, part).already_had for part in FIT_OF_PART]
    return known if any(known) else []


@step("evaluate", "evaluate {part}")
def evaluate(run: StageRun, part: str) -> None:
    """Evaluate all lists of a part: figures with intervals, of users, by group, fusion against each model.

    Where nobody can be judged there are no figures, and the report says so.
    """
    warehouse, settings = run.warehouse, run.settings.evaluation
    longest = max(settings.all_k)
    own = warehouse.query("own_lists", fit=FIT_OF_PART[part], k=longest).rename({MATCHER: "model"})
    fused = [warehouse.query("part_lists", model=model, part=part).select(own.columns) for model in FUSIONS]
    rows = pl.concat([own, *fused], how="vertical_relaxed")
    write_judged(run, part)
    try:
        truth, user_ids, item_ids = read_truth(warehouse, run.settings, part)
    except NothingToJudge as nothing:
        get_run_logger().warning("%s", nothing)
        clear_figures(run, part)
        return
    truths = truths_at(truth, settings.all_k)
    lists: dict[str, Codes] = {}
    for model in dict.fromkeys([*rows["model"], *FUSIONS]):  # a fusion without lists is judged, too
        known = rows.filter(pl.col("model") == model, pl.col(USER).is_in(user_ids))
        lists[model] = lists_from_frame(known, user_ids, item_ids, longest)
    models = {model: evaluate_at(items, truths) for model, items in lists.items()}
    spread = spreads(run, models)
    write_metrics(run, part, models, spread)
    write_per_user(run, part, models, user_ids)
    best = best_single(warehouse.query("metrics"), f"ndcg_at_{settings.k}")
    write_comparisons(run, part, models, spread, best)
    write_groups(run, part, lists, truth, models, best)
    counted(models=len(models), users=len(user_ids))


@step("look at test")
def record_look(run: StageRun) -> None:
    """Record that test was looked at, and by which fusion."""
    made = run.warehouse.query("last_made").row(0, named=True)
    run.warehouse.execute(
        "record_test_look",
        split_hash=run.warehouse.query("split_parts")["split_hash"][0],
        fusion_id=made["fusion_id"],
        mlflow_run_id=made["mlflow_run_id"],
    )


@step("report")
def report(run: StageRun) -> None:
    """Show the report in both UIs, and let readers see it."""
    values = build_report(run.warehouse)
    markdown = report_markdown(values)
    create_markdown_artifact(key="report", markdown=markdown)
    tracking = Tracking.of(run, split_hash=values["split_hash"])
    about = "Every model and the fusion, on validation (out of fold) and on test; see report.md."
    with tracking.run("evaluation", "report", about=about) as parent:
        tracking.client.log_text(parent, markdown, "report.md")
        tracking.client.log_dict(parent, values, "report.json")
        if judged_users(values, "test"):
            tracking.log_figure(parent, comparison_figure(values), "comparison.html")
        metrics = run.warehouse.query("metrics")
        for (model,), rows in metrics.group_by("model", maintain_order=True):
            short = rows["part"].replace({VALIDATION: "val"})
            named = {
                f"{part}_{name}": value
                for part, name, value in zip(short, rows["metric"], rows["value"], strict=True)
            }
            with tracking.run("evaluation", str(model), {"model": model}, parent) as run_id:
                tracking.log(run_id, params={"model": model}, metrics=named)


@step("let readers see the report")
def refresh_snapshot(run: StageRun) -> None:
    """Write the snapshot again, with this evaluation in it."""
    current = run.warehouse.query("current_publication")
    if current.height:
        write_snapshot(run.warehouse, current["publication_id"][0])
