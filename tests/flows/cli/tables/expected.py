"""The figures that tables show of an answer in JSON, as they print them."""

from collections.abc import Iterator, Mapping
from typing import Any

from tasks.evaluation.report import HEADLINES, every_model


def figures_of_report(answer: Mapping[str, Any]) -> Iterator[str]:
    """Headline metrics with their intervals, weights, groups and comparisons."""
    for parts in every_model(answer).values():
        for part in {"val", "test"} & parts.keys():
            for name in (name for name in parts[part] if name.partition("_at_")[0] in HEADLINES):
                yield f"{parts[part][name]:z.3f}"
                yield from ("-".join(f"{one:z.3f}" for one in parts[part]["intervals"].get(name, ())).split())
    yield from (f"{weight:z.3f}" for weight in answer["fusion"]["weights"].values())
    for entry in answer["fusion"].get("model_selection") or ():
        yield f"{entry['ndcg']:z.4f}"
        if entry["against"] != f"{entry['method']} {entry['normaliser']}":
            yield from (f"{entry[name]:+z.4f}" for name in ("difference", "low", "high"))
    against = answer["fusion"]["test"]["vs_best_single"]
    yield from (f"{against[name]:+z.4f}" for name in ("difference", "low", "high"))
    for group in (group for groups in answer.get("groups", {}).values() for group in groups.values()):
        if found := group.get("test", {}).get("vs_best_single"):
            models = group["test"]["models"]
            yield f"{models['fusion']['users']:,}"
            yield from (f"{models[one]['ndcg_at_10']['value']:z.3f}" for one in ("fusion", found["model"]))
            yield from (f"{found[name]:+z.3f}" for name in ("difference", "low", "high"))


def figures_of_list(answer: Mapping[str, Any]) -> Iterator[str]:
    """Ranks, scores, what each model adds, and values of the history."""
    for row in answer["items"]:
        yield from (str(row["rank"]), f"{row['score']:z.2f}", row["reason"])
        yield from (f"{value:+z.2f}" for value in row["contributions"].values() if abs(value) >= 0.005)
    yield from (f"{row['value']:g}" for row in answer["history"] if "value" in row)


def figures_of_explanation(answer: Mapping[str, Any]) -> Iterator[str]:
    """What each model adds, its share, its score and its rank."""
    yield f"{answer['score']:z.3f}"
    for row in answer["models"]:
        yield from (f"{row['contribution']:+z.3f}", f"{row['share']:+z.0%}")
        yield "" if row["normalised"] is None else f"{row['normalised']:+z.2f}"
        yield "" if row["own_rank"] is None else str(row["own_rank"])
        yield f"{answer['membership']['models'][row['model']]:+z.3f}"


def figures_of_texts(answer: Mapping[str, Any]) -> Iterator[str]:
    """Passes, log-probabilities and tokens."""
    for row in answer["texts"]:
        yield from (str(row["pass"]), f"{row['log_prob']:z.2f}", str(row["n_tokens"]))


def figures_of_quality(answer: Mapping[str, Any]) -> Iterator[str]:
    """All of them."""
    for value in answer.values():
        for found in value.values() if isinstance(value, Mapping) else (value,):
            if found is not None:
                yield f"{found:z.4g}" if isinstance(found, float) else f"{found:,}"


def figures_of_publications(answer: Mapping[str, Any]) -> Iterator[str]:
    """How many lists each has, and of which version of the model."""
    for row in answer["publications"]:
        yield from (f"{row['users']:,}", row["model_version"])
