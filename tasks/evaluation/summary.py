"""The report as one dictionary, read from the tables: what `polyrec report --json` prints."""

import json
from typing import Any

import polars as pl

from tasks.evaluation.report import DIVERSE, FUSION, notes, part_report
from tasks.metrics.bootstrap import Interval
from tasks.metrics.groups import NAMES
from warehouse.sql import Reader

PART_KEYS = {"validation": "val", "test": "test"}


def build_report(reader: Reader) -> dict[str, Any]:
    """Collect the last evaluation, and what it is comparable within."""
    runs = {row["stage"]: row for row in reader.query("last_runs").iter_rows(named=True)}
    settings = json.loads(runs["fusion"]["settings"])
    k = settings["evaluation"]["k"]
    split = reader.query("split_parts")
    current = reader.query("current_publication").row(0, named=True)
    models = _models(reader.query("metrics"), k)
    comparisons = reader.query("comparisons")
    fusion: dict[str, Any] = {**models.pop(FUSION, {}), "weights": json.loads(current["weights"])}
    fusion["diversity"] = current["diversity"]
    found = reader.query("fusion_model", fusion_id=current["fusion_id"])
    model = json.loads(found["model"].item() or "{}") if found.height else {}
    fusion |= {"method": model.get("method"), "model_selection": model.get("model_selection")}
    fused = {FUSION: fusion}
    if (diverse := models.pop(DIVERSE, None)) is not None:
        fused[DIVERSE] = fusion["diverse"] = {**diverse, **(model.get("diverse") or {})}
    for row in comparisons.iter_rows(named=True):
        part = fused.get(row["model"], {}).get(PART_KEYS[row["part"]])
        if part is not None and row["best"] and row["metric"] == f"ndcg_at_{k}":
            part["vs_best_single"] = _against(row)
    protocol = settings["data"]["protocol"]
    order_is_time = bool(runs["ingest"]["counts"].get("order_is_time"))
    return {
        "dataset": settings["data"]["source"],
        "protocol": protocol,
        "order_is_time": order_is_time,
        "notes": notes(protocol, order_is_time),
        "seed": settings["seed"],
        "k": k,
        **({"draw": settings["data"]["draw"]} if protocol == "cold_item" else {}),
        "split_hash": split["split_hash"][0],
        "champion": _champion(reader),
        **reader.query("data_counts").row(0, named=True),
        "texts": _texts(runs["corpus"]),
        "models": models,
        "fusion": fusion,
        "comparisons": [
            {
                "a": row["model"],
                "b": row["other"],
                "part": PART_KEYS[row["part"]],
                **{key: row[key] for key in ("metric", "difference", "low", "high")},
            }
            for row in comparisons.iter_rows(named=True)
        ],
        "groups": _groups(reader.query("groups"), reader.query("group_comparisons"), k),
        "lists_hash": current["lists_hash"],
        "stages": {stage: round(row["seconds"], 2) for stage, row in runs.items()},
        "peak_rss_mb": round(max(row["counts"]["peak_rss_mb"] for row in runs.values()), 1),
        "test_looks": reader.query("test_looks").height,
    }


def _champion(reader: Reader) -> dict[str, Any]:
    """Whose lists are served and, where a decision was made, why."""
    current = reader.query("current_version").row(0, named=True)
    told = {key: current[key] for key in ("publication_id", "fusion_id", "origin_id")}
    decision = reader.query("decision", decision_id=current["decision_id"] or "")
    if decision.height:
        told |= decision.drop("decision_id").row(0, named=True)
        told["decided_at"] = told["decided_at"].isoformat()
    return told


def _models(metrics: pl.DataFrame, k: int) -> dict[str, dict[str, Any]]:
    """Model to part to headline figures."""
    out: dict[str, dict[str, Any]] = {}
    for (model, part), rows in metrics.sort("model", "part", "metric").group_by(
        "model", "part", maintain_order=True
    ):
        values = dict(zip(rows["metric"], rows["value"], strict=True))
        intervals = {
            row["metric"]: Interval(row["value"], row["low"], row["high"])
            for row in rows.iter_rows(named=True)
            if row["low"] is not None
        }
        of_part = part_report(values, intervals, k)
        of_part["metrics"] = {row["metric"]: _figure(row) for row in rows.iter_rows(named=True)}
        out.setdefault(str(model), {})[PART_KEYS[str(part)]] = of_part
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
    ndcg = compared.filter(pl.col("best") & (pl.col("metric") == f"ndcg_at_{k}"))
    for row in ndcg.iter_rows(named=True):
        part = out[row["group_kind"]][row["group_name"]][PART_KEYS[row["part"]]]
        part["vs_best_single"] = _against(row)
    return out


def _against(row: dict[str, Any]) -> dict[str, Any]:
    """How far the fusion is above a single model."""
    return {"model": row["other"], **{key: row[key] for key in ("difference", "low", "high")}}


def _figure(row: dict[str, Any]) -> dict[str, float]:
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
