"""Figures over the five draws of the protocol cold_item: each is a run of its own, this takes their mean."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

DRAWS = 5
COMPARABLE = ("dataset", "protocol", "seed", "items", "users", "interactions")


def mean_of_draws(reports: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Mean of every figure: out[model][part][metric] = {"mean": ..., "standard_error": ...}.

    A figure that some draw lacks is left out.

    Args:
        reports: of the five draws, in any order, as `polyrec report --json` prints them.

    Raises:
        ValueError: a draw is missing or doubled, or the reports are not of one data set and seed.
    """
    draws = sorted(report.get("draw", -1) for report in reports)
    if draws != list(range(DRAWS)):
        raise ValueError(
            f"got reports of the draws {draws}, need one of each of 0 to {DRAWS - 1}; run with protocol "
            "cold_item and each [data] draw"
        )
    for key in COMPARABLE:
        if len({report[key] for report in reports}) > 1:
            raise ValueError(f"reports differ in {key}; run all draws on the same data with the same seed")
    figures: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for report in reports:
        for model, parts in {**report["models"], "fusion": report["fusion"]}.items():
            for part in ("val", "test"):
                for metric, value in parts.get(part, {}).items():
                    if isinstance(value, float):
                        figures[model, part, metric].append(value)
    out: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for (model, part, metric), values in figures.items():
        if len(values) == DRAWS:
            error = stdev(values) / math.sqrt(DRAWS)
            figure = {"mean": mean(values), "standard_error": error}
            out.setdefault(model, {}).setdefault(part, {})[metric] = figure
    return out
