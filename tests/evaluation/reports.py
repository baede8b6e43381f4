"""Reports as evaluation makes them, small."""

from typing import Any

from tasks.evaluation.report import notes, part_report


def part(ndcg: float) -> dict[str, Any]:
    metrics = {
        "ndcg_at_10": ndcg,
        "recall_at_10": 0.2,
        "coverage_at_10": 0.3,
        "effective_catalogue_at_10": 0.25,
        "ild_at_10": 0.7,
        "map_at_10": 0.1,
    }
    figures = {name: {"value": value} for name, value in metrics.items()}
    figures["ndcg_at_10"] |= {"low": ndcg - 0.01, "high": ndcg + 0.01}
    return part_report(figures, k=10)


def method(name: str, normaliser: str, gain: float) -> dict[str, Any]:
    interval = {"difference": gain, "low": gain - 0.0041, "high": gain + 0.0052}
    against = {"against": "weighted zscore", "kept": not gain}
    return {"method": name, "normaliser": normaliser, "ndcg": 0.2188 + gain, **against, **interval}


def report() -> dict[str, Any]:
    return {
        "dataset": "movielens-100k",
        "protocol": "temporal_user",
        "order_is_time": False,
        "notes": notes("temporal_user", order_is_time=False),
        "seed": 0,
        "k": 10,
        "split_hash": "abc123",
        "items": 1682,
        "users": 943,
        "interactions": 100000,
        "models": {"ease": {"val": part(0.15), "test": part(0.14)}, "popularity": {"val": part(0.05)}},
        "fusion": {
            "val": part(0.16),
            "test": part(0.145) | {"vs_best_single": {"difference": 0.005, "low": -0.001, "high": 0.011}},
            "weights": {"popularity": 0.25, "ease": 0.75},
            "model_selection": [method("weighted", "zscore", 0.0), method("gated", "zscore", 0.0023)],
        },
    }


def groups(part: str) -> dict[str, Any]:
    """One group with figures, and one without users."""

    def figures(value: float) -> dict[str, Any]:
        return {"ndcg_at_10": {"value": value, "low": 0.0, "high": 0.3}, "users": 281}

    against = {"model": "ease", "difference": 0.034, "low": 0.021, "high": 0.049}
    models = {"ease": figures(0.124), "fusion": figures(0.158)}
    return {
        "popularity": {
            "tail": {part: {"members": 500, "models": models, "vs_best_single": against}},
            "head": {},
        }
    }
