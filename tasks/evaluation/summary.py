"""The report as one dictionary, read from the tables: what `polyrec report --json` prints."""

import json
from typing import Any, Protocol

import polars as pl

from tasks.evaluation.report import notes, part_report
from tasks.evaluation.significance import Interval

FUSION = "fusion"
PART_KEYS = {"validation": "val", "test": "test"}


class Reader(Protocol):
    """The warehouse, or a published snapshot of it."""

    def query(self, name: str, /, **parameters: object) -> pl.DataFrame:
        """Run a stored query."""
        ...


def build_report(reader: Reader) -> dict[str, Any]:
    """Collect the last evaluation, and what it is comparable within."""
    runs = {row["stage"]: row for row in reader.query("last_runs").iter_rows(named=True)}
    settings = json.loads(runs["fusion"]["settings"])
    k = settings["evaluation"]["k"]
    split = reader.query("split_parts")
    current = reader.query("current_publication").row(0, named=True)
    judged = _judged(reader.query("metrics"), k)
    fusion: dict[str, Any] = {**judged.pop(FUSION, {}), "weights": json.loads(current["weights"])}
    fusion["diversity"] = current["diversity"]
    for row in reader.query("comparisons").iter_rows(named=True):
        part = fusion.get(PART_KEYS[row["part"]])
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
        **({"draw": settings["data"]["draw"]} if protocol == "cold_item" else {}),
        "split_hash": split["split_hash"][0],
        **reader.query("data_counts").row(0, named=True),
        "texts": _texts(runs["corpus"]),
        "models": judged,
        "fusion": fusion,
        "lists_hash": current["lists_hash"],
        "stages": {stage: round(row["seconds"], 2) for stage, row in runs.items()},
        "peak_rss_mb": round(max(row["counts"]["peak_rss_mb"] for row in runs.values()), 1),
        "test_looks": reader.query("test_looks").height,
    }


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
        out.setdefault(str(model), {})[PART_KEYS[str(part)]] = part_report(values, intervals, k)
    return out


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
