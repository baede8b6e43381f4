"""Figures over the five draws of the protocol cold_item: each is a run of its own, this takes their mean."""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from tasks.evaluation.report import every_model
from warehouse.errors import PolyrecError

DRAWS = 5
COMPARABLE = ("dataset", "protocol", "seed", "items", "users", "interactions")
Means = dict[str, dict[str, dict[str, dict[str, float]]]]


def mean_of_files(files: Sequence[Path]) -> Means:
    """The same as `mean_of_draws`, of files that hold reports; refuses a file that holds none."""
    reports = []
    for file in files:
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise PolyrecError(
                f"{file} holds no report: {error}; write it with polyrec report --json"
            ) from error
        if not (isinstance(found, dict) and {*COMPARABLE, "models", "fusion"} <= found.keys()):
            raise PolyrecError(f"{file} holds JSON, but no report; write it with polyrec report --json")
        reports.append(found)
    return mean_of_draws(reports)


def mean_of_draws(reports: Sequence[Mapping[str, Any]]) -> Means:
    """Mean of every figure: out[model][part][metric] = {"mean": ..., "standard_error": ...}.

    A figure that some draw lacks is left out.

    Args:
        reports: of the five draws, in any order, as `polyrec report --json` prints them.

    Raises:
        PolyrecError: a draw is missing or doubled, or the reports are not of one data set and seed.
    """
    draws = sorted(report.get("draw", -1) for report in reports)
    if draws != list(range(DRAWS)):
        raise PolyrecError(
            f"got reports of the draws {draws}, need one of each of 0 to {DRAWS - 1}; run with protocol "
            "cold_item and each [data] draw"
        )
    for key in COMPARABLE:
        if len({report[key] for report in reports}) > 1:
            raise PolyrecError(f"reports differ in {key}; run all draws on the same data with the same seed")
    figures: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for report in reports:
        for model, parts in every_model(report).items():
            for part in ("val", "test"):
                of_part = parts.get(part, {})
                more = {name: one["value"] for name, one in of_part.get("metrics", {}).items()}
                for metric, value in (more | of_part).items():
                    if isinstance(value, float):
                        figures[model, part, metric].append(value)
    out: Means = {}
    for (model, part, metric), values in figures.items():
        if len(values) == DRAWS:
            error = stdev(values) / math.sqrt(DRAWS)
            figure = {"mean": mean(values), "standard_error": error}
            out.setdefault(model, {}).setdefault(part, {})[metric] = figure
    return out
