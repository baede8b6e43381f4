"""What benchmarks/quality.py prints and writes: a row a model and part, and paired comparisons."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.quality_ours import Judged
from tasks.metrics.bootstrap import bootstrap_mean, paired_difference, paired_exposure_difference
from tasks.metrics.evaluator import Evaluation
from tasks.metrics.exposure import effective_catalogue

PARTS = ("test", "validation")
MEASURES = (
    "ndcg",
    "recall",
    "precision",
    "coverage",
    "effective_catalogue",
    "ild",
    "ild_embedding",
    "novelty",
)
OF_RELATION = ("ndcg", "effective_catalogue", "ild", "ild_embedding")
"""What fusions are set beside the best single matcher by."""
TITLES = {
    "ndcg": "NDCG",
    "effective_catalogue": "effective catalogue",
    "ild_embedding": "ild by vectors",
}


@dataclass(frozen=True)
class Line:
    """One model of one system, judged on one or both parts."""

    system: str
    model: str
    parts: Mapping[str, Judged]

    @property
    def name(self) -> str:
        """As comparisons call it."""
        return f"{self.system} {self.model}"


def result_rows(lines: Sequence[Line], k: int, resamples: int, seed: int) -> list[dict[str, Any]]:
    """A row of figures a line and part, those of test first."""
    rows = []
    for part, line in _with_part(lines):
        judged = line.parts[part]
        metrics = judged.evaluation.metrics
        interval = bootstrap_mean(judged.evaluation.per_user[f"ndcg_at_{k}"], resamples, seed)
        rows.append(
            {
                "system": line.system,
                "model": line.model,
                "part": part,
                f"ndcg_at_{k}": metrics[f"ndcg_at_{k}"],
                "ndcg_ci": [interval.low, interval.high],
                **{f"{name}_at_{k}": _defined(metrics, f"{name}_at_{k}") for name in MEASURES[1:]},
                "fit_s": round(judged.fit_s, 3),
                "score_s": round(judged.score_s, 3),
            }
        )
    return rows


def comparison_rows(
    pairs: Sequence[tuple[Line, Line]], k: int, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """How far a is above b on the same users, with the 95% interval; NDCG of all pairs first."""
    kinds: dict[str, Callable[[Evaluation, Evaluation], tuple[float, float, float]]] = {
        f"ndcg_at_{k}": lambda a, b: paired_difference(
            a.per_user[f"ndcg_at_{k}"], b.per_user[f"ndcg_at_{k}"], resamples, seed
        ),
        f"effective_catalogue_at_{k}": lambda a, b: paired_exposure_difference(
            a.exposure, b.exposure, effective_catalogue, resamples, seed
        ),
    }
    rows = []
    for metric, compare in kinds.items():
        for part in PARTS:
            for a, b in pairs:
                if part in a.parts and part in b.parts:
                    found = compare(a.parts[part].evaluation, b.parts[part].evaluation)
                    values = dict(zip(("difference", "low", "high"), map(float, found), strict=True))
                    rows.append({"a": a.name, "b": b.name, **values, "metric": metric, "part": part})
    return rows


def ratios(a: Line, b: Line, k: int, measure: str = "ndcg") -> dict[str, float | None]:
    """Part to a measure of a over that of b; null where b has none."""
    out: dict[str, float | None] = {}
    for part in PARTS:
        if part in a.parts and part in b.parts:
            above, below = (
                _defined(line.parts[part].evaluation.metrics, f"{measure}_at_{k}") for line in (a, b)
            )
            out[part] = above / below if above is not None and below else None
    return out


def tables(values: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The figures for people: a table a part, comparisons, settings, notes."""
    k = values["k"]
    for part in PARTS:
        rows = [row for row in values["results"] if row["part"] == part]
        if rows:
            yield _figures(rows, part, values)
    yield _comparisons(values["comparisons"], k)
    for part, ratio in values["ratio_to_best_peer"].items():
        if ratio is not None:
            yield Text(
                f"{part}: polyrec fusion has {ratio:.3f} times the NDCG@{k} of {values['best_peer']}, "
                "the best single peer on validation"
            )
    for name, measures in values["to_best_matcher"].items():
        told = {title: of_part.get("test", of_part.get("validation")) for title, of_part in measures.items()}
        shown = ", ".join(f"{title} {value:.3f}" for title, value in told.items() if value is not None)
        yield Text(f"polyrec {name} over {values['best_matcher']}, its best matcher on validation: {shown}")
    yield _settings(values["settings"])
    yield from (Text(note) for note in values["notes"])


def _defined(metrics: Mapping[str, float], name: str) -> float | None:
    """A measure; None where it has no value, such as ild where no item has a category."""
    value = metrics.get(name, np.nan)
    return None if np.isnan(value) else value


def _with_part(lines: Sequence[Line]) -> Iterator[tuple[str, Line]]:
    yield from ((part, line) for part in PARTS for line in lines if part in line.parts)


def _figures(rows: Sequence[Mapping[str, Any]], part: str, values: Mapping[str, Any]) -> Table:
    k = values["k"]
    title = (
        f"{values['dataset']}, {values['protocol']}, split {values['split_hash']}, seed {values['seed']}: "
        f"{part} ({values['users'][part]:,} users), all measures at {k}"
    )
    table = Table("system", "model", title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("NDCG", "95% interval", *(TITLES.get(one, one) for one in MEASURES[1:]), "fit s", "score s"):
        table.add_column(name, justify="right")
    for row in sorted(rows, key=lambda one: -one[f"ndcg_at_{k}"]):
        low, high = row["ndcg_ci"]
        table.add_row(
            row["system"],
            row["model"],
            _number(row[f"ndcg_at_{k}"], 4),
            f"{low:.3f} to {high:.3f}",
            *(_number(row[f"{name}_at_{k}"], 3 if name != "novelty" else 2) for name in MEASURES[1:]),
            f"{row['fit_s']:.1f}",
            f"{row['score_s']:.1f}",
        )
    return table


def _comparisons(rows: Sequence[Mapping[str, Any]], k: int) -> Table:
    table = Table("part", "measure", "a", "b", box=box.SIMPLE_HEAD)
    for name in ("a - b", "95% interval"):
        table.add_column(name, justify="right")
    for row in rows:
        measure = TITLES[row["metric"].removesuffix(f"_at_{k}")]
        interval = f"{row['low']:+.4f} to {row['high']:+.4f}"
        table.add_row(row["part"], measure, row["a"], row["b"], f"{row['difference']:+.4f}", interval)
    return table


def _settings(settings: Mapping[str, Any]) -> Table:
    table = Table("system", "settings", box=box.SIMPLE_HEAD)
    for name, found in settings.items():
        table.add_row(name, ", ".join(f"{key} = {_short(value)}" for key, value in found.items()))
    return table


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_short(one)}" for key, one in value.items()) + "}"
    return str(value)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
