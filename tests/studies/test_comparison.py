"""Figures, differences, table and plot of variants."""

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from tasks.metrics.evaluator import Evaluation, Truth, evaluate_lists
from tasks.studies.comparison import differences, headline_metrics, variants_figure
from tests.studies.answers import variants

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


def test_plot_has_the_intervals() -> None:
    figure: Any = variants_figure(variants(), "val")
    (points,) = figure.data
    assert list(points.y) == ["title + categories", "1 slot"]
    assert list(points.x) == [0, 0.125]
    assert list(points.error_x.array) == [0.5, 0.375]
    assert list(points.error_x.arrayminus) == [0, 0.1875]
