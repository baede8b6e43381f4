"""The report as one dictionary, read from the tables: what `polyrec report --json` prints."""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from tasks.evaluation.report import DIVERSE, FUSION, FUSIONS, notes, part_report, unjudged_part
from tasks.metrics.groups import NAMES
from tasks.run.adaptation import adaptation_report, follows_adaptation
from warehouse.errors import PolyrecError
from warehouse.sql import Reader

PART_KEYS = {"validation": "val", "test": "test"}


def build_report(reader: Reader) -> dict[str, Any]:
    """Collect the last evaluation, and what it is comparable within.

    Raises:
        PolyrecError: nothing has been evaluated yet.
    """
    metrics, judged = reader.query("metrics"), _judged(reader.query("judged"))
    if metrics.is_empty() and not judged:
        raise PolyrecError(
            "lists are published, but their evaluation is missing: the run that made them ended before it, "
            "or still goes on; evaluate them: polyrec run --stage evaluation"
        )
    runs = {row["stage"]: row for row in reader.query("last_runs").iter_rows(named=True)}
    settings = json.loads(runs["fusion"]["settings"])
    k, protocol = settings["evaluation"]["k"], settings["data"]["protocol"]
    order_is_time = bool(runs["ingest"]["counts"].get("order_is_time"))
    comparisons = reader.query("comparisons").with_columns(pl.col("part").replace(PART_KEYS))
    current = reader.query("current_publication").row(0, named=True)
    models = _models(metrics, k)
    names = list(models) or [*json.loads(current["weights"]), *FUSIONS]
    for part in (part for part, of_part in judged.items() if not of_part["users"]):
        for model in names:
            models.setdefault(model, {})[part] = unjudged_part(k)
    against_best = comparisons.filter(pl.col("best") & (pl.col("metric") == f"ndcg_at_{k}"))
    for row in against_best.iter_rows(named=True):
        if row["part"] in models.get(row["model"], {}):
            models[row["model"]][row["part"]]["vs_best_single"] = _difference(row, model=row["other"])
    champion = _champion(reader)
    fusion = _fusion(reader, current, models)  # takes the fusions out of the models
    return {
        "dataset": settings["data"]["source"],
        "protocol": protocol,
        "order_is_time": order_is_time,
        "notes": [
            *notes(protocol, order_is_time, _is_of_older_lists(reader), judged),
            *_brought_back(reader, champion),
        ],
        "seed": settings["seed"],
        "k": k,
        **({"draw": settings["data"]["draw"]} if protocol == "cold_item" else {}),
        "split_hash": reader.query("split_parts")["split_hash"][0],
        "champion": champion,
        **reader.query("data_counts").row(0, named=True),
        "judged": judged,
        "texts": _texts(runs["corpus"]),
        "adaptation": adaptation_report(reader) if follows_adaptation(settings) else None,
        "models": models,
        "fusion": fusion,
        "comparisons": [
            {"a": row["model"], "b": row["other"], **_difference(row, part=row["part"], metric=row["metric"])}
            for row in comparisons.iter_rows(named=True)
        ],
        "groups": _groups(reader.query("groups"), reader.query("group_comparisons"), k),
        "lists_hash": current["lists_hash"],
        "stages": {stage: round(row["seconds"], 2) for stage, row in runs.items()},
        "peak_rss_mb": round(max(row["counts"]["peak_rss_mb"] for row in runs.values()), 1),
        "test_looks": reader.query("test_looks").height,
    }


def _brought_back(reader: Reader, champion: Mapping[str, Any]) -> list[str]:
    """Whose lists are served, where these are not those that were evaluated last."""
    origin = champion["origin_id"]
    if origin is None or origin == reader.query("last_made")["publication_id"].item():
        return []
    return [
        f"The lists of {origin} were brought back and are served, with the weights shown; "
        "figures are of the lists that were made last."
    ]


def _is_of_older_lists(reader: Reader) -> bool:
    """Whether lists were made after the last evaluation, whose run then ended before it evaluated them."""
    made, looks = reader.query("last_made"), reader.query("test_looks")
    mine = looks.join(made, on="fusion_id").filter(pl.col("looked_at") >= pl.col("created_at"))
    return bool(made.height) and mine.is_empty()


def _judged(rows: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Of each part, how many users are judged, and how many have nothing left to find."""
    return {
        PART_KEYS[part]: {"users": users, "nothing_left": nothing_left}
        for part, users, nothing_left in rows.rows()
    }


def _fusion(reader: Reader, current: Mapping[str, Any], models: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Figures of the fusion and of its diverse point, and how they are made."""
    rows = reader.query("fusion_model", fusion_id=current["fusion_id"])
    made = json.loads(rows["model"][0] or "{}") if rows.height else {}
    fusion = {
        **models.pop(FUSION, {}),
        "weights": json.loads(current["weights"]),
        "diversity": current["diversity"],
        **{name: made.get(name) for name in ("method", "model_selection")},
        "tuned": made.get("diverse", {}) is not None,  # a search always chooses a diverse point
    }
    diverse = models.pop(DIVERSE, None)
    return fusion if diverse is None else {**fusion, "diverse": {**diverse, **(made.get("diverse") or {})}}


def _champion(reader: Reader) -> dict[str, Any]:
    """Whose lists are served, and why if a search decided about them."""
    current = reader.query("current_version").row(0, named=True)
    told = {name: current[name] for name in ("publication_id", "fusion_id", "origin_id")}
    decisions = reader.query("decision", decision_id=current["decision_id"] or "").drop("decision_id")
    for row in decisions.iter_rows(named=True):
        told |= {**row, "decided_at": row["decided_at"].isoformat()}
    return told


def _models(metrics: pl.DataFrame, k: int) -> dict[str, dict[str, Any]]:
    """Model to part to headline figures."""
    out: dict[str, dict[str, Any]] = {}
    parts = metrics.sort("model", "part", "metric").group_by("model", "part", maintain_order=True)
    for (model, part), rows in parts:
        figures = {row["metric"]: _figure(row) for row in rows.iter_rows(named=True)}
        out.setdefault(str(model), {})[PART_KEYS[str(part)]] = {**part_report(figures, k), "metrics": figures}
    return out


def _groups(groups: pl.DataFrame, compared: pl.DataFrame, k: int) -> dict[str, Any]:
    """Kind of group to group to part: members, models with their figures, fusion against the best single."""
    out: dict[str, Any] = {kind: {name: {} for name in names} for kind, names in NAMES.items()}
    for row in groups.iter_rows(named=True):
        parts = out[row["group_kind"]][row["group_name"]]
        part = parts.setdefault(PART_KEYS[row["part"]], {"members": row["members"], "models": {}})
        of_model = part["models"].setdefault(row["model"], {})
        of_model[row["metric"]] = _figure(row)
        if row["metric"] == f"ndcg_at_{k}":
            of_model["users"] = row["users"]
    for row in compared.filter(pl.col("best") & (pl.col("metric") == f"ndcg_at_{k}")).iter_rows(named=True):
        part = out[row["group_kind"]][row["group_name"]][PART_KEYS[row["part"]]]
        part["vs_best_single"] = _difference(row, model=row["other"])
    return out


def _difference(row: Mapping[str, Any], **what: str) -> dict[str, Any]:
    """A difference with its interval, and what it is of."""
    return {**what, **{key: row[key] for key in ("difference", "low", "high")}}


def _figure(row: Mapping[str, Any]) -> dict[str, float]:
    """A value, with its interval where it has one."""
    bounds = {} if row["low"] is None else {"low": row["low"], "high": row["high"]}
    return {"value": row["value"], **bounds}


def _texts(run: dict[str, Any]) -> dict[str, Any]:
    counts = run["counts"]
    whole = {name: int(counts[name]) for name in ("items", "slots", "generated", "reused", "tokens")}
    return {
        **whole,
        "engine": json.loads(run["settings"])["corpus"]["engine"],
        "tokens_per_second": round(counts["tokens_per_second"], 1),
        "whole_sentences": counts["whole_sentences"],
        **({"cost": counts["api_cost"]} if "api_cost" in counts else {}),
    }
