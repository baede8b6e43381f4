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
    judged = _judged(reader.query("metrics"), k)
    comparisons = reader.query("comparisons")
    fusion: dict[str, Any] = {**judged.pop(FUSION, {}), "weights": json.loads(current["weights"])}
    fusion["diversity"] = current["diversity"]
    model = _model(reader, current["fusion_id"])
    fusion |= {"method": model.get("method"), "model_selection": model.get("model_selection")}
    fused = {FUSION: fusion}
    if (diverse := judged.pop(DIVERSE, None)) is not None:
        fused[DIVERSE] = fusion["diverse"] = {**diverse, **(model.get("diverse") or {})}
    for row in comparisons.iter_rows(named=True):
        part = fused.get(row["model"], {}).get(PART_KEYS[row["part"]])
        if part is not None and row["best"] and row["metric"] == f"ndcg_at_{k}":
            part["vs_best_single"] = {
                "model": row["other"],
                "difference": row["difference"],
                "low": row["low"],
                "high": row["high"],
            }
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
        "models": judged,
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


def _model(reader: Reader, fusion_id: str) -> dict[str, Any]:
    """What is kept of a fusion beside weights and dial; nothing of one from before there were methods."""
    found = reader.query("fusion_model", fusion_id=fusion_id)
    # Snapshots from before there were methods lack the column.
    return json.loads(found.row(0, named=True).get("model") or "{}") if found.height else {}


def _champion(reader: Reader) -> dict[str, Any] | None:
    """Whose lists are served and why; None in a snapshot of a version that kept no decisions."""
    if reader.query("table_columns", schema="serving", table="decisions").is_empty():
        return None
    current = reader.query("current_version").row(0, named=True)
    decision = reader.query("decision", decision_id=current["decision_id"] or "")
    told = {"publication_id": current["publication_id"], "fusion_id": current["fusion_id"]}
    told |= {"origin_id": current["origin_id"]}
    if decision.is_empty():
        return told
    row = decision.row(0, named=True)
    del row["decision_id"]
    return {**told, **row, "decided_at": row["decided_at"].isoformat()}


def _judged(metrics: pl.DataFrame, k: int) -> dict[str, dict[str, Any]]:
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
        part["vs_best_single"] = {"model": row["other"]} | {
            key: row[key] for key in ("difference", "low", "high")
        }
    return out


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
