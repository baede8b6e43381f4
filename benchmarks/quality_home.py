"""Polyrec's side of benchmarks/quality.py where somebody's own home is judged: the lists of its last run.

Nothing is fitted or searched again. Matchers with the settings that [matching] adapt found, weights and dial
are those of the run, and so are its lists for validation (out of fold) and for test.
"""

import json
from typing import Any

import polars as pl

from benchmarks.quality_data import LOOKER, Bench, DataError
from benchmarks.quality_ours import DIVERSE, FUSION, Judged, Ours
from tasks.items.recommendable import FIT_OF_PART
from tasks.metrics.evaluator import evaluate_lists
from tasks.metrics.lists import lists_from_frame
from tasks.studies.window import Window
from warehouse.columns import FITS, MATCHER, TEST, TRAIN, USER, VALIDATION
from warehouse.connection import Warehouse, writing

ADAPTED = "adapted_fits"
"""What the stage matching counts where it searched matchers' settings."""


def ours_of_home(bench: Bench, final: bool) -> Ours:
    """Judge what the last run left: every matcher's own lists, the fusion and its diverse point.

    Args:
        bench: of the home.
        final: whether to look at test.
    """
    settings = bench.settings
    windows = {VALIDATION: bench.validation, **({TEST: bench.test} if final else {})}
    with writing(settings.data_folder, LOOKER, settings.lock_timeout_s) as warehouse:
        if warehouse.query("split_parts")["split_hash"][0] != bench.split_hash:
            raise DataError(
                f"the last run in {settings.home} splits its events otherwise; run it: polyrec run"
            )
        lines: dict[str, dict[str, Judged]] = {}
        for part, window in windows.items():
            for name, judged in _judged(warehouse, window, part).items():
                lines.setdefault(name, {})[part] = judged
        fusion, diverse = (lines.pop(name, None) for name in (FUSION, DIVERSE))
        if not (fusion and diverse and lines):
            raise DataError(f"{settings.home} has no lists to judge; run it: polyrec run")
        return Ours(fusion, diverse, lines, _settings_of(warehouse), _seconds(warehouse))


def _judged(warehouse: Warehouse, window: Window, part: str) -> dict[str, Judged]:
    """What the lists of a part are worth, by model; a fusion takes as long as all that it fuses."""
    k, fit = window.truth.k, FIT_OF_PART[part]
    models = warehouse.query("matcher_models", fit=fit)
    seconds = {row[MATCHER]: (row["fit_seconds"], row["score_seconds"]) for row in models.to_dicts()}
    own = warehouse.query("own_lists", fit=fit, k=k).rename({MATCHER: "model"})
    fused = [warehouse.query("part_lists", model=name, part=part) for name in (FUSION, DIVERSE)]
    rows = pl.concat([own, *(one.select(own.columns) for one in fused)], how="vertical_relaxed")
    ids = [window.fit.user_ids[int(code)] for code in window.users]
    together = tuple(map(sum, zip(*seconds.values(), strict=True)))
    return {
        str(name): Judged(
            evaluate_lists(
                lists_from_frame(
                    of_model.filter(pl.col(USER).is_in(pl.Series(ids).implode())), ids, window.fit.item_ids, k
                ),
                window.truth,
            ),
            *seconds.get(str(name), together),
        )
        for (name,), of_model in rows.group_by("model", maintain_order=True)
    }


def _settings_of(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    """What every matcher was made with, and the weights that made the lists of test."""
    models = warehouse.query("matcher_models", fit=TRAIN)
    out = {row[MATCHER]: json.loads(row["parameters"]) for row in models.iter_rows(named=True)}
    made = warehouse.query("last_made")["fusion_id"][0]
    model = warehouse.query("fusion_model", fusion_id=made).row(0, named=True)
    method = json.loads(model["model"] or "{}").get("method")
    fusion = {"method": method, "weights": json.loads(model["weights"]), "diversity": model["diversity"]}
    return {**out, FUSION: fusion}


def _seconds(warehouse: Warehouse) -> dict[str, float]:
    """What finding these settings took: the stage matching without its fits and scores, and the stage fusion.

    Both count a little more than the searches, which is in the peers' favour.
    """
    runs = {row["stage"]: row for row in warehouse.query("last_runs").iter_rows(named=True)}
    seconds = {"fusion": float(runs["fusion"]["seconds"])}
    if ADAPTED in dict(runs["matching"]["counts"]):
        models = pl.concat([warehouse.query("matcher_models", fit=fit) for fit in FITS])
        fitted = sum(models["fit_seconds"].to_list()) + sum(models["score_seconds"].to_list())
        seconds["adaptation"] = max(0.0, float(runs["matching"]["seconds"]) - fitted)
    return seconds
