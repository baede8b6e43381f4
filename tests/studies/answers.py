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


def search() -> dict[str, Any]:
    """What `polyrec tune` answers, with more parameters than a narrow terminal has room for."""

    def trial(number: int, ndcg: float, as_set: bool = False) -> dict[str, Any]:
        parameters = {
            "regularisation": 1234.5678 + number,
            "co_occurrence_half_life_items": 12.25 + number,
            "side_information_weight": 0.123456 + number,
            "time_half_life_days": 365 + number,
            "normalise": True,
        }
        figures = {
            "ndcg_at_10": ndcg,
            "effective_catalogue_at_10": 0.31 + ndcg / 9,
            "ild_at_10": 0.7 + ndcg / 7,
        }
        times = {"fit_seconds": 12.345 + number, "score_seconds": 0.987 + number}
        return {"number": number, "as_set": as_set, "parameters": parameters, "figures": figures, **times}

    best, second, as_set = trial(17, 0.2188), trial(4, 0.2151), trial(0, 0.1874, as_set=True)
    return {
        "k": 10,
        "users": 943,
        "searches": [
            {
                "matcher": "ease",
                "trials": 30,
                "trials_before": 12,
                "failed": 1,
                "seconds": 321.0,
                "best": best,
                "top": [best, second],
                "as_set": as_set,
                "out_of_fold": {
                    "value": 0.2143,
                    "chosen_on_a": {"number": 17, "value_on_b": 0.2099},
                    "chosen_on_b": {"number": 4, "value_on_a": 0.2187},
                },
                "gain": {"difference": 0.0269, "low": 0.0101, "high": 0.0432},
                "importance": {"regularisation": 0.81, "side_information_weight": 0.19},
                "toml": "[matching.ease]\nregularisation = 1234.5678\nco_occurrence_half_life_items = 12.25",
            }
        ],
    }


def labels() -> dict[str, Any]:
    """What `polyrec relevance` answers."""

    def row(name: str, ndcg: float) -> dict[str, Any]:
        return {"model": name, "ndcg_at_10": ndcg, "low": ndcg - 0.0123, "high": ndcg + 0.0345}

    gain = {"difference": -0.0012, "low": -0.0098, "high": 0.0076}
    return {
        "k": 10,
        "users": 100,
        "judged_users": 87,
        "pairs": 3_000,
        "models": [row("language_model", 0.1234), row("cross_encoder", 0.2345), row("chance", 0.0456)],
        "variants_of_the_language_model": [row("max, per token", 0.1357)],
        "fusion": [
            {"with": "", "ndcg_at_10": 0.2468},
            {"with": "relevance_student", "ndcg_at_10": 0.2456, **gain},
        ],
        "language_model": {"seconds": 812.5, "ms_a_pair": 270.8},
        "cross_encoder": {"fit_seconds": 65.4, "score_seconds": 4.3, "ms_a_pair": 1.4321},
        "student": {
            "fit_seconds": 3.2,
            "ms_a_pair": 0.0123,
            "rank_correlation": {"value": 0.412, "low": 0.387, "high": 0.437},
        },
    }
