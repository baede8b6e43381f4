"""Figures, differences, table and plot of variants."""

import io
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy.sparse import csr_array

from tasks.metrics.evaluator import Evaluation, Truth, evaluate_lists
from tasks.studies.comparison import differences, headline_metrics, variants_figure, variants_table

USERS, ITEMS = 30, 6


def judged(items: list[int], categories: bool = True) -> Evaluation:
    """Every user gets the same list; item 0 is relevant for all."""
    relevant = np.zeros((USERS, ITEMS), dtype=bool)
    relevant[:, 0] = True
    truth = Truth(
        relevant=csr_array(relevant),
        history=csr_array((USERS, ITEMS), dtype=bool),
        categories=np.eye(ITEMS, dtype=bool) & categories,
        k=2,
        vectors=np.eye(ITEMS, dtype=np.float32),
    )
    return evaluate_lists(np.tile(items, (USERS, 1)), truth)


def test_differences_are_a_minus_b_on_the_same_users() -> None:
    found = differences(judged([0, 1]), judged([1, 0]), 2, 200, 0)
    gain = 1 - 1 / np.log2(3)
    assert found["ndcg_at_2"] == pytest.approx({"difference": gain, "low": gain, "high": gain})
    assert found["effective_catalogue_at_2"] == pytest.approx({"difference": 0, "low": 0, "high": 0})
    assert list(found) == ["ndcg_at_2", "effective_catalogue_at_2", "ild_at_2"]


def test_without_categories_diversity_is_that_of_vectors() -> None:
    assert headline_metrics(judged([0, 1], categories=False), 2)[-1] == "ild_embedding_at_2"


@pytest.fixture
def answer() -> dict[str, Any]:
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


def test_table(answer: dict[str, Any]) -> None:
    console = Console(file=io.StringIO(), width=160)
    console.print(variants_table(answer))
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    lines = [line.split() for line in printed.splitlines()]
    assert ["1", "slot", "0.3750", "+0.1250", "[-0.0625,", "+0.5000]"] in lines
    assert ["title", "+", "categories", "0.2500"] in lines
    assert "none is written" in printed
    assert "A word on the protocol." in printed


def test_narrow_terminal_breaks_figures_and_cuts_none(answer: dict[str, Any]) -> None:
    for row in answer["variants"][:2]:
        row |= {"fit_seconds": 12.3, "score_seconds": 0.1}
        for name in ("effective_catalogue_at_2", "ild_at_2"):
            row["val"][name] = row["val"]["ndcg_at_2"]
            row["val"]["differences"][name] = row["val"]["differences"]["ndcg_at_2"]
    console = Console(file=io.StringIO(), width=60)
    console.print(variants_table(answer))
    assert "…" not in console.file.getvalue()  # type: ignore[attr-defined]


def test_plot_has_the_intervals(answer: dict[str, Any]) -> None:
    figure: Any = variants_figure(answer, "val")
    (points,) = figure.data
    assert list(points.y) == ["title + categories", "1 slot"]
    assert list(points.x) == [0, 0.125]
    assert list(points.error_x.array) == [0.5, 0.375]
    assert list(points.error_x.arrayminus) == [0, 0.1875]
