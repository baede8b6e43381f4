"""The figures of benchmarks/fusion.py: measured, summed up and shown."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.fusion_dial import METRICS, ValidationUsers, dial_figures
from benchmarks.fusion_speed import explaining, rerank_speeds
from benchmarks.output import show
from benchmarks.pipeline import machine
from tasks.evaluation.summary import build_report
from tasks.fusion.candidates import Candidates
from tasks.fusion.catalogue import Catalogue
from tasks.fusion.model import FusionModel
from tasks.run.stage import StageRun
from tasks.settings import Settings, load_settings
from warehouse.columns import ALL
from warehouse.connection import Warehouse, writing
from warehouse.errors import WarehouseError
from warehouse.snapshot import reading

COMPARED = ("ndcg", "effective_catalogue", "ild")
ROUNDS = 5
DIGITS = 4


def figures_of_test(report: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the figures of test, of the one look that the run had.

    Args:
        report: as `polyrec report --json` prints it.
    """
    k, fusion = report["k"], report["fusion"]
    published = fusion.get("test", {})
    against = published.get("vs_best_single", {})
    single = report["models"].get(against.get("model"), {}).get("test", {})
    diverse = fusion.get("diverse", {}).get("test", {})
    out = {
        "test_ndcg_at_10": published.get(f"ndcg_at_{k}"),
        "vs_best_single_low": against.get("low"),
    }
    for metric in COMPARED:
        ours, theirs = diverse.get(f"{metric}_at_{k}"), single.get(f"{metric}_at_{k}")
        out[f"diverse_{metric}_vs_best_single"] = ours / theirs if ours is not None and theirs else None
    return out


def settings_compared(report: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the figures of test of the best single matcher, the published setting and the diverse one."""
    k, fusion = report["k"], report["fusion"]
    best = fusion.get("test", {}).get("vs_best_single", {}).get("model")
    found = {
        **({best: report["models"][best].get("test", {})} if best else {}),
        "published": fusion.get("test", {}),
        "diverse": fusion.get("diverse", {}).get("test", {}),
    }
    return {
        name: {
            metric: of_setting["metrics"][f"{metric}_at_{k}"]["value"]
            for metric in METRICS
            if f"{metric}_at_{k}" in of_setting["metrics"]
        }
        for name, of_setting in found.items()
        if "metrics" in of_setting
    }


def search_speed(settings: Settings, run_id: str) -> float | None:
    """Return how many trials a second this run's search had, logged; None where MLflow has it no more."""
    if not (settings.mlflow_folder / "mlflow.db").exists():
        return None
    client = MlflowClient(tracking_uri=settings.mlflow_uri)
    try:
        info = client.get_run(run_id).info
    except MlflowException:
        return None
    trials, token = 0, None
    while True:
        page = client.search_runs(
            [info.experiment_id],
            f"tags.`mlflow.parentRunId` = '{run_id}'",
            max_results=1000,
            page_token=token,
        )
        trials, token = trials + len(page), page.token
        if not token:
            break
    if not trials or info.end_time is None:
        return None
    return 1000 * trials / (info.end_time - info.start_time)


def measured(warehouse: Warehouse, settings: Settings, fusion_id: str) -> dict[str, Any]:
    """Return what is measured here and now: the dial on validation, and speeds."""
    users = ValidationUsers.read(warehouse, settings)
    catalogue = Catalogue.read(StageRun("fusion", settings, warehouse, None))
    scores = users.scores(0.0, settings.seed)
    speeds = rerank_speeds(scores, users.candidates.items, users.context.similarity, ROUNDS, settings.seed)
    return {
        "dial": dial_figures(users, settings.seed),
        "users_per_s": speeds,
        "explaining": _explaining(warehouse, settings, catalogue, fusion_id),
    }


def _explaining(
    warehouse: Warehouse, settings: Settings, catalogue: Catalogue, fusion_id: str
) -> dict[str, Any]:
    """Return how long reasons of the published fusion take."""
    run = StageRun("fusion", settings, warehouse, None)
    record = warehouse.query("fusion_model", fusion_id=fusion_id).row(0, named=True)
    model = FusionModel.from_record(record)
    rows = warehouse.query("candidate_scores", fit=ALL, matchers=list(model.matchers))
    candidates = Candidates.from_frame(rows, catalogue.user_ids, catalogue.item_ids, list(model.matchers))
    candidates = candidates.with_user_features(catalogue.user_features(run, ALL))
    context = catalogue.context(run, ALL, record["reranker"], record["category_cap"])
    return explaining(model, candidates, context.of(candidates.users))


def summary(
    report: Mapping[str, Any], trials_per_s: float | None, found: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is printed and written."""
    speeds, explained = found["users_per_s"], found["explaining"]
    ratios: dict[str, float | None] = {
        **figures_of_test(report),
        "search_trials_per_s": trials_per_s,
        "mmr_users_per_s": min(speeds["mmr"].values()),
        "dpp_users_per_s": min(speeds["dpp"].values()),
        "explain_list_ms": max(explained["contributions_ms"], explained["all_coalitions_ms"]),
    }
    return {
        "ratios": {
            name: None if value is None else float(f"{value:.{DIGITS}g}") for name, value in ratios.items()
        },
        "membership_explain_s": explained["membership_s"],
        "settings": settings_compared(report),
        **found,
        "dataset": report["dataset"],
        "protocol": report["protocol"],
        "split_hash": report["split_hash"],
        "k": report["k"],
        "test_looks": report["test_looks"],
        "machine": machine(),
    }


def tables(values: Mapping[str, Any]) -> list[RenderableType]:
    """The summary for the terminal."""
    ratios = Table(title="Figures", box=box.SIMPLE_HEAD, title_justify="left")
    ratios.add_column("figure")
    ratios.add_column("value", justify="right")
    for name, value in values["ratios"].items():
        ratios.add_row(name, "-" if value is None else f"{value:g}")
    ratios.add_row("membership_explain_s", f"{values['membership_explain_s']:.2f}")
    on_test = _metrics_table("Test, of the run's own look", ("setting",))
    for name, figures in values["settings"].items():
        on_test.add_row(name, *_cells(figures))
    dial = _metrics_table("The dial on validation, out of fold", ("inverse_popularity", "re-ranker", "dial"))
    for row in values["dial"]["rows"]:
        dial.add_row(f"{row['inverse_popularity']:g}", row["reranker"], f"{row['dial']:g}", *_cells(row))
    bought = values["dial"]["catalogue_for_2_percent_ndcg"]
    told = [
        f"Effective catalogue x {bought['effective_catalogue']:.3f} at NDCG x {bought['ndcg']:.3f}: "
        "inverse popularity "
        f"{bought['inverse_popularity']:g}, {bought['reranker']}, dial {bought['dial']:g}.",
        *(
            f"{name}: {metric} follows the dial with Spearman's {value:+.2f}."
            for name, of_name in values["dial"]["spearman"].items()
            for metric, value in of_name.items()
        ),
        *(
            f"{name} cannot be had from this home: the run has no such figure any more, or never had."
            for name, value in values["ratios"].items()
            if value is None
        ),
    ]
    return [ratios, on_test, dial, Text("\n".join(told))]


def measure_and_show(home: Path | None, file: Path | None) -> int:
    """Measure, print, and write the figures; returns an exit code.

    Args:
        home: of a finished run; the project's when not given.
        file: takes the figures as JSON, where one is named.
    """
    settings = load_settings()
    if home:
        settings = settings.model_copy(update={"home": home})
    console = Console()
    try:
        with reading(settings.data_folder) as snapshot:
            report = build_report(snapshot)
            published = snapshot.query("current_publication").row(0, named=True)
        trials_per_s = search_speed(settings, published["mlflow_run_id"])
        with writing(settings.data_folder, "benchmarks/fusion.py") as warehouse, console.status("measuring"):
            found = measured(warehouse, settings, published["fusion_id"])
    except (WarehouseError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    values = summary(report, trials_per_s, found)
    show(values, tables(values), file, console)
    return 0


def _metrics_table(title: str, columns: Sequence[str]) -> Table:
    """An empty table: some columns, then the metrics."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for name in columns:
        table.add_column(name)
    for metric in METRICS:
        table.add_column(metric.replace("_", " "), justify="right")
    return table


def _cells(figures: Mapping[str, float]) -> list[str]:
    return [f"{figures[metric]:.4f}" if metric in figures else "-" for metric in METRICS]
