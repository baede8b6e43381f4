"""Evaluation: judge every model's lists on validation and, once, on test; compare; report."""

import polars as pl
from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from tasks.evaluation import exposure
from tasks.evaluation.lists import lists_from_frame
from tasks.evaluation.metrics import Evaluation, evaluate_lists
from tasks.evaluation.plots import comparison_figure
from tasks.evaluation.report import report_markdown
from tasks.evaluation.significance import (
    bootstrap_exposure,
    bootstrap_mean,
    paired_difference,
    paired_exposure_difference,
)
from tasks.evaluation.summary import FUSION, build_report
from tasks.evaluation.truth import read_truth
from tasks.fingerprint import fingerprint
from tasks.measures import effective_catalogue
from tasks.recommendable import FIT_OF_PART
from tasks.stage import StageRun
from tasks.tracking import Tracking
from warehouse.columns import MATCHER, USER, VALIDATION
from warehouse.snapshot import write_snapshot

OVER_ALL_LISTS = {"coverage": exposure.coverage, "effective_catalogue": effective_catalogue}


@task(name="is anything new", cache_policy=NO_CACHE)
def is_new(run: StageRun) -> bool:
    """Whether the lists, the split or the settings differ from those of the last evaluation."""
    run.fingerprint = fingerprint(
        run.warehouse.query("split_parts"),
        run.warehouse.query("current_publication").select("fusion_id"),
        run.settings.evaluation.model_dump(),
        run.settings.seed,
    )
    last = run.warehouse.query("last_runs").filter(pl.col("stage") == "evaluation")
    run.unchanged = bool(last.height) and last["fingerprint"][0] == run.fingerprint
    return not run.unchanged


@task(name="judge", task_run_name="judge {part}", cache_policy=NO_CACHE)
def judge(run: StageRun, part: str) -> None:
    """Judge all lists of a part: metrics with intervals, per-user values, fusion against each model."""
    warehouse, settings = run.warehouse, run.settings.evaluation
    k = settings.k
    own = warehouse.query("own_lists", fit=FIT_OF_PART[part], k=k).rename({MATCHER: "model"})
    fused = warehouse.query("judged_lists", model=FUSION, part=part).select(own.columns)
    lists = pl.concat([own, fused], how="vertical_relaxed")
    truth, user_ids, item_ids = read_truth(warehouse, run.settings, part)
    judged: dict[str, Evaluation] = {}
    for (model,), rows in lists.group_by("model", maintain_order=True):
        known = rows.filter(pl.col(USER).is_in(user_ids))
        judged[str(model)] = evaluate_lists(lists_from_frame(known, user_ids, item_ids, k), truth)
    _write_metrics(run, part, judged)
    for model, evaluation in judged.items():
        per_user = pl.DataFrame({USER: user_ids, **evaluation.per_user}).unpivot(
            index=USER, variable_name="metric", value_name="value"
        )
        rows = per_user.filter(pl.col("value").is_not_nan()).with_columns(
            model=pl.lit(model), part=pl.lit(part)
        )
        warehouse.replace("evaluation.per_user", rows, where={"model": model, "part": part})
    _compare(run, part, judged)


@task(name="look at test", cache_policy=NO_CACHE)
def record_look(run: StageRun) -> None:
    """Record that test was looked at, and by which fusion."""
    current = run.warehouse.query("current_publication").row(0, named=True)
    run.warehouse.execute(
        "record_test_look",
        split_hash=run.warehouse.query("split_parts")["split_hash"][0],
        fusion_id=current["fusion_id"],
        mlflow_run_id=current["mlflow_run_id"],
    )


@task(name="report", cache_policy=NO_CACHE)
def report(run: StageRun) -> None:
    """Show the report in both UIs, and let readers see it."""
    values = build_report(run.warehouse)
    markdown = report_markdown(values)
    create_markdown_artifact(key="report", markdown=markdown)
    tracking = Tracking(
        run.settings, {"prefect_flow_run_id": run.flow_run_id, "split_hash": values["split_hash"]}
    )
    with tracking.run("evaluation", "report") as parent:
        tracking.log_text(parent, markdown, "report.md")
        tracking.log_dict(parent, values, "report.json")
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


@task(name="let readers see the report", cache_policy=NO_CACHE)
def refresh_snapshot(run: StageRun) -> None:
    """Write the snapshot again, with this evaluation in it."""
    current = run.warehouse.query("current_publication")
    if current.height:
        write_snapshot(run.warehouse, current["publication_id"][0])


def _write_metrics(run: StageRun, part: str, judged: dict[str, Evaluation]) -> None:
    """Every metric; those that a report heads, with intervals."""
    settings, seed = run.settings.evaluation, run.settings.seed
    rows = []
    for model, evaluation in judged.items():
        for metric, value in evaluation.metrics.items():
            measure = metric.split("_at_")[0]
            low = high = None
            if metric in evaluation.per_user:
                _, low, high = bootstrap_mean(evaluation.per_user[metric], settings.resamples, seed)
            elif measure in OVER_ALL_LISTS:
                statistic = OVER_ALL_LISTS[measure]
                spread = bootstrap_exposure(evaluation.exposure, statistic, settings.resamples, seed)
                low, high = max(0.0, spread.low), min(1.0, spread.high)  # they are shares
            rows.append((model, part, metric, value, low, high))
    names = {"model": pl.String, "part": pl.String, "metric": pl.String}
    figures = {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    frame = pl.DataFrame(rows, schema={**names, **figures}, orient="row").filter(pl.col("value").is_finite())
    run.warehouse.replace("evaluation.metrics", frame, where={"part": part})


def _compare(run: StageRun, part: str, judged: dict[str, Evaluation]) -> None:
    """Fusion minus each model, paired over users; the first row is the best single model of validation."""
    settings, seed = run.settings.evaluation, run.settings.seed
    ndcg = f"ndcg_at_{settings.k}"
    best = best_single(run.warehouse.query("metrics"), ndcg)
    fusion = judged[FUSION]
    rows = []
    for model, evaluation in judged.items():
        if model == FUSION:
            continue
        for metric in (ndcg, f"recall_at_{settings.k}", f"ild_at_{settings.k}"):
            if metric in fusion.per_user:
                pair = fusion.per_user[metric], evaluation.per_user[metric]
                rows.append((model, metric, *paired_difference(*pair, settings.resamples, seed)))
        for measure, statistic in OVER_ALL_LISTS.items():
            pair = fusion.exposure, evaluation.exposure
            difference = paired_exposure_difference(*pair, statistic, settings.resamples, seed)
            rows.append((model, f"{measure}_at_{settings.k}", *difference))
    schema = ["other", "metric", "difference", "low", "high"]
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        model=pl.lit(FUSION), part=pl.lit(part), best=pl.col("other") == best
    )
    run.warehouse.replace("evaluation.comparisons", frame, where={"part": part})


def best_single(metrics: pl.DataFrame, ndcg: str) -> str:
    """The single model with the highest NDCG on validation: never chosen by a test figure."""
    alone = metrics.filter(
        (pl.col("part") == VALIDATION) & (pl.col("metric") == ndcg) & (pl.col("model") != FUSION)
    )
    return str(alone.sort("value", "model", descending=[True, False])["model"][0])
