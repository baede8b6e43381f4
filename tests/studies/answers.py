"""Answers of studies, small."""

from typing import Any


def variants() -> dict[str, Any]:
    """A baseline, a variant, and one that is missing."""

    def row(name: str, kind: str, ndcg: float, low: float) -> dict[str, Any]:
        found = {"difference": ndcg - 0.25, "low": low, "high": 0.5}
        part = {"ndcg_at_2": ndcg, "differences": {"ndcg_at_2": found}}
        return {"name": name, "kind": kind, "text_distance": None, "val": part}

    baseline = row("title + categories", "control", 0.25, 0) | {"is_baseline": True}
    missing = {"name": "pass 2", "kind": "texts", "missing": "none is written"}
    return {
        "title": "ablation",
        "baseline": "title + categories",
        "variants": [baseline, row("1 slot", "texts", 0.375, -0.0625), missing],
        "notes": ["A word on the protocol."],
    }
