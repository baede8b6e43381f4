"""The tables of evaluation: figures with intervals, each user's, comparisons, and all of that by group."""

from collections.abc import Hashable, Mapping, Sequence
from itertools import product
from typing import Any, TypeVar

import numpy as np
import polars as pl

from tasks.arrays.types import Codes, Floats
from tasks.evaluation.report import FUSION, FUSIONS
from tasks.evaluation.truth import read_item_age
from tasks.metrics import exposure
from tasks.metrics.bootstrap import Spread, bootstrap_means, spread_of
from tasks.metrics.evaluator import Evaluation, Truth
from tasks.metrics.exposure import effective_catalogue
from tasks.metrics.groups import group_shares, group_values, groupings
from tasks.run.stage import StageRun
from warehouse.columns import USER, VALIDATION

OVER_ALL_LISTS = {"coverage": exposure.coverage, "effective_catalogue": effective_catalogue}
Key = TypeVar("Key", bound=Hashable)
Judged = Mapping[str, Evaluation]
"""Model to what its lists are worth."""
Spreads = Mapping[str, Mapping[str, Spread]]
"""Model to measure to its spread, from `spreads`."""


def spreads(run: StageRun, judged: Judged) -> dict[str, dict[str, Spread]]:
    """Model to measure over all lists at the headline's k to its spread; drawn once, used twice."""
    settings = run.settings.evaluation
    return {
        model: spread_of(one.exposure, OVER_ALL_LISTS, settings.resamples, run.settings.seed)
        for model, one in judged.items()
    }


def write_metrics(run: StageRun, part: str, judged: Judged, spread: Spreads) -> None:
    """Every metric at every k, with an interval where it is a mean over users or heads the report."""
    columns = {
        (model, metric): values for model, one in judged.items() for metric, values in one.per_user.items()
    }
    intervals = _intervals(run, columns)
    rows = []
    for model, evaluation in judged.items():
        for metric, value in evaluation.metrics.items():
            measure, _, k = metric.partition("_at_")
            low = high = None
            if metric in evaluation.per_user:
                _, low, high = intervals[model, metric]
            elif measure in OVER_ALL_LISTS and int(k) == run.settings.evaluation.k:
                _, low, high = spread[model][measure].interval
                low, high = max(0.0, low), min(1.0, high)  # they are shares
            rows.append((model, part, metric, value, low, high))
    names = {"model": pl.String, "part": pl.String, "metric": pl.String}
    figures = {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    frame = pl.DataFrame(rows, schema={**names, **figures}, orient="row").filter(pl.col("value").is_finite())
    run.warehouse.replace("evaluation.metrics", frame, where={"part": part})


def write_per_user(run: StageRun, part: str, judged: Judged, user_ids: Sequence[str]) -> None:
    """Each user's value of every metric, where it is defined."""
    frames = [
        pl.DataFrame({USER: user_ids, **evaluation.per_user})
        .unpivot(index=USER, variable_name="metric", value_name="value")
        .filter(pl.col("value").is_not_nan())
        .with_columns(model=pl.lit(model), part=pl.lit(part))
        for model, evaluation in judged.items()
    ]
    run.warehouse.replace("evaluation.per_user", pl.concat(frames), where={"part": part})


def write_comparisons(run: StageRun, part: str, judged: Judged, spread: Spreads, best: str) -> None:
    """Fusion, and its diverse setting, minus each single model in every metric; `best` marks one of them."""
    fused = [model for model in FUSIONS if model in judged]
    others = [model for model in judged if model not in fused]
    columns = {
        (model, other, metric): values - judged[other].per_user[metric]
        for model in fused
        for other in others
        for metric, values in judged[model].per_user.items()
    }
    rows: list[tuple[Any, ...]] = [(*key, *found) for key, found in _intervals(run, columns).items()]
    for model, other, measure in product(fused, others, OVER_ALL_LISTS):
        difference = spread[model][measure].minus(spread[other][measure])
        rows.append((model, other, f"{measure}_at_{run.settings.evaluation.k}", *difference))
    schema = ["model", "other", "metric", "difference", "low", "high"]
    frame = (
        pl.DataFrame(rows, schema=schema, orient="row")
        .filter(pl.col("difference").is_finite())
        .with_columns(part=pl.lit(part), best=pl.col("other") == best)
    )
    run.warehouse.replace("evaluation.comparisons", frame, where={"part": part})


def write_groups(
    run: StageRun, part: str, lists: Mapping[str, Codes], truth: Truth, judged: Judged, best: str
) -> None:
    """Figures of every model in every group, and fusion minus each model there."""
    age = read_item_age(run.warehouse, run.settings, part)
    rows: list[tuple[Any, ...]] = []
    compared: list[tuple[Any, ...]] = []
    for grouping in groupings(truth, age):
        kind, members = grouping.kind, grouping.members
        values = {
            model: group_values(items, truth, judged[model].per_user, grouping)
            for model, items in lists.items()
        }
        columns = {
            (model, *key): column for model, of_model in values.items() for key, column in of_model.items()
        }
        for (model, name, metric), found in _intervals(run, columns).items():
            users = int((~np.isnan(columns[model, name, metric])).sum())
            rows.append((model, part, kind, name, metric, members[name], users, *found))
        for model, items in lists.items():
            for (name, metric), share in group_shares(items, truth, grouping).items():
                rows.append((model, part, kind, name, metric, members[name], None, share, None, None))
        differences = {
            (model, *key): column - of_model[key]
            for model, of_model in values.items()
            if model not in FUSIONS
            for key, column in values[FUSION].items()
        }
        for (other, name, metric), found in _intervals(run, differences).items():
            compared.append((FUSION, other, part, kind, name, metric, other == best, *found))
    names = [
        "model",
        "part",
        "group_kind",
        "group_name",
        "metric",
        "members",
        "users",
        "value",
        "low",
        "high",
    ]
    frame = pl.DataFrame(rows, schema=names, orient="row").filter(pl.col("value").is_finite())
    run.warehouse.replace("evaluation.groups", frame, where={"part": part})
    names = [
        "model",
        "other",
        "part",
        "group_kind",
        "group_name",
        "metric",
        "best",
        "difference",
        "low",
        "high",
    ]
    frame = pl.DataFrame(compared, schema=names, orient="row").filter(pl.col("difference").is_finite())
    run.warehouse.replace("evaluation.group_comparisons", frame, where={"part": part})


def _intervals(run: StageRun, columns: Mapping[Key, Floats]) -> dict[Key, tuple[float, float, float]]:
    """Value, low and high of (U,) columns, all over the same drawn users; NaN for a column without values."""
    if not columns:
        return {}
    stacked = np.column_stack(list(columns.values()))
    found = bootstrap_means(stacked, run.settings.evaluation.resamples, run.settings.seed)
    return {key: (value, low, high) for key, (value, low, high) in zip(columns, found.tolist(), strict=True)}


def best_single(metrics: pl.DataFrame, ndcg: str) -> str:
    """The single model with the highest NDCG on validation: never chosen by a test figure."""
    alone = metrics.filter(
        (pl.col("part") == VALIDATION) & (pl.col("metric") == ndcg) & ~pl.col("model").is_in(FUSIONS)
    )
    return str(alone.sort("value", "model", descending=[True, False])["model"][0])
