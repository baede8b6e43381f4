"""The tables of evaluation: figures with intervals, each user's, comparisons, and all of that by group."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any, TypeVar

import numpy as np
import polars as pl

from tasks.arrays.types import Codes, Floats
from tasks.evaluation.report import FUSION, FUSIONS
from tasks.evaluation.truth import read_item_age
from tasks.items.recommendable import held_back
from tasks.metrics.bootstrap import Spread, bootstrap_means, spread_of
from tasks.metrics.evaluator import Evaluation, Truth
from tasks.metrics.exposure import coverage, effective_catalogue
from tasks.metrics.groups import group_shares, group_values, groupings
from tasks.run.stage import StageRun
from warehouse.columns import USER, VALIDATION

OVER_ALL_LISTS = {"coverage": coverage, "effective_catalogue": effective_catalogue}
Key = TypeVar("Key", bound=Hashable)
Evaluations = Mapping[str, Evaluation]
"""Model to what its lists are worth."""
Spreads = Mapping[str, Mapping[str, Spread]]
"""Model to metric over all lists to its spread, from `spreads`."""


def spreads(run: StageRun, models: Evaluations) -> dict[str, dict[str, Spread]]:
    """Spreads at the headline's k; drawn once, used for the metrics and for the comparisons."""
    resamples, seed = run.settings.evaluation.resamples, run.settings.seed
    return {name: spread_of(one.exposure, OVER_ALL_LISTS, resamples, seed) for name, one in models.items()}


def write_judged(run: StageRun, part: str) -> None:
    """How many users a part judges, and how many it does not, since nothing is left for them to find."""
    held = held_back(run.warehouse, run.settings, part)
    users, nothing_left = held.relevant[USER].n_unique(), held.nothing_left
    row = pl.DataFrame({"part": [part], "users": [users], "nothing_left": [nothing_left]})
    run.warehouse.replace("evaluation.judged", row, where={"part": part})


def write_metrics(run: StageRun, part: str, models: Evaluations, spread: Spreads) -> None:
    """Every metric at every k, with an interval where it is a mean over users or heads the report."""
    columns = {
        (model, metric): values for model, one in models.items() for metric, values in one.per_user.items()
    }
    intervals = _intervals(run, columns)
    rows = []
    for model, evaluation in models.items():
        for metric, value in evaluation.metrics.items():
            name, _, k = metric.partition("_at_")
            low = high = None
            if metric in evaluation.per_user:
                _, low, high = intervals[model, metric]
            elif name in OVER_ALL_LISTS and int(k) == run.settings.evaluation.k:
                _, low, high = spread[model][name].interval
                low, high = max(0.0, low), min(1.0, high)  # they are shares
            rows.append((model, metric, value, low, high))
    _replace(run, "metrics", part, rows, ("model", "metric", "value", "low", "high"))


def clear_figures(run: StageRun, part: str) -> None:
    """Remove all figures of a part: nobody can judge its lists any more."""
    for table in ("metrics", "per_user", "comparisons", "groups", "group_comparisons"):
        run.warehouse.delete(f"evaluation.{table}", {"part": part})


def write_per_user(run: StageRun, part: str, models: Evaluations, user_ids: Sequence[str]) -> None:
    """Each user's value of every metric, where it is defined."""
    frames = [
        pl.DataFrame({USER: user_ids, **evaluation.per_user})
        .unpivot(index=USER, variable_name="metric", value_name="value")
        .filter(pl.col("value").is_not_nan())
        .with_columns(model=pl.lit(model), part=pl.lit(part))
        for model, evaluation in models.items()
    ]
    run.warehouse.replace("evaluation.per_user", pl.concat(frames), where={"part": part})


def write_comparisons(run: StageRun, part: str, models: Evaluations, spread: Spreads, best: str) -> None:
    """Fusion, and its diverse setting, minus each single model in every metric; `best` marks one of them."""
    fused = [model for model in FUSIONS if model in models]
    others = [model for model in models if model not in fused]
    columns = {
        (model, other, metric): values - models[other].per_user[metric]
        for model in fused
        for other in others
        for metric, values in models[model].per_user.items()
    }
    rows: list[tuple[Any, ...]] = [
        (*key, key[1] == best, *found) for key, found in _intervals(run, columns).items()
    ]
    for model, other, name in product(fused, others, OVER_ALL_LISTS):
        difference = spread[model][name].minus(spread[other][name])
        metric = f"{name}_at_{run.settings.evaluation.k}"
        rows.append((model, other, metric, other == best, *difference))
    _replace(
        run, "comparisons", part, rows, ("model", "other", "metric", "best", "difference", "low", "high")
    )


def write_groups(
    run: StageRun, part: str, lists: Mapping[str, Codes], truth: Truth, models: Evaluations, best: str
) -> None:
    """Figures of every model in every group, and fusion minus each model there."""
    rows: list[tuple[Any, ...]] = []
    compared: list[tuple[Any, ...]] = []
    for grouping in groupings(truth, read_item_age(run.warehouse, run.settings, part)):
        kind, members = grouping.kind, grouping.members
        values = {
            model: group_values(items, truth, models[model].per_user, grouping)
            for model, items in lists.items()
        }
        columns = {
            (model, *key): column for model, of_model in values.items() for key, column in of_model.items()
        }
        for (model, name, metric), found in _intervals(run, columns).items():
            users = int((~np.isnan(columns[model, name, metric])).sum())
            rows.append((model, kind, name, metric, members[name], users, *found))
        for model, items in lists.items():
            for (name, metric), share in group_shares(items, truth, grouping).items():
                rows.append((model, kind, name, metric, members[name], None, share, None, None))
        differences = {
            (model, *key): column - of_model[key]
            for model, of_model in values.items()
            if model not in FUSIONS
            for key, column in values[FUSION].items()
        }
        for (other, name, metric), found in _intervals(run, differences).items():
            compared.append((FUSION, other, kind, name, metric, other == best, *found))
    group = ("group_kind", "group_name", "metric")
    _replace(run, "groups", part, rows, ("model", *group, "members", "users", "value", "low", "high"))
    names = ("model", "other", *group, "best", "difference", "low", "high")
    _replace(run, "group_comparisons", part, compared, names)


def _replace(
    run: StageRun, table: str, part: str, rows: Iterable[tuple[Any, ...]], names: Sequence[str]
) -> None:
    """Write a part of a table: rows whose figure, the third column from the end, is finite."""
    frame = pl.DataFrame(rows, schema=list(names), orient="row", infer_schema_length=None)
    frame = frame.filter(pl.col(names[-3]).is_finite()).with_columns(part=pl.lit(part))
    run.warehouse.replace(f"evaluation.{table}", frame, where={"part": part})


def _intervals(run: StageRun, columns: Mapping[Key, Floats]) -> dict[Key, tuple[float, float, float]]:
    """Value, low and high of (U,) columns, all over the same drawn users; NaN for a column without values."""
    if not columns:
        return {}
    stacked = np.column_stack(list(columns.values()))
    found = bootstrap_means(stacked, run.settings.evaluation.resamples, run.settings.seed)
    return {key: (value, low, high) for key, (value, low, high) in zip(columns, found.tolist(), strict=True)}


def best_single(metrics: pl.DataFrame, ndcg: str) -> str:
    """The single model with the highest NDCG on validation, never chosen by a test figure; "" without any."""
    alone = metrics.filter(
        (pl.col("part") == VALIDATION) & (pl.col("metric") == ndcg) & ~pl.col("model").is_in(FUSIONS)
    )
    best = alone.sort("value", "model", descending=[True, False])["model"]
    return best[0] if best.len() else ""
