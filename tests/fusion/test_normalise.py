from dataclasses import replace

import numpy as np
import pytest

from tasks.fusion.calibration import fitted, platt
from tasks.fusion.candidates import Candidates
from tasks.fusion.model import fused_scores
from tasks.fusion.normalise import (
    NORMALISERS,
    OF_METHODS,
    Normaliser,
    min_max,
    rank,
    reciprocal_rank,
    zscore,
)
from tasks.metrics.ranking import contains
from tests.fusion import toys


def test_known_answer() -> None:
    scores = np.array([[[1.0, 7.0], [3.0, 7.0], [99.0, 99.0]]])
    present = np.array([[True, True, False]])
    assert zscore(scores, present).tolist() == [[[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]]


def test_mean_zero_and_deviation_one_for_every_user_and_matcher() -> None:
    candidates = toys.random_candidates()
    normalised = zscore(candidates.scores * 1000 + 5, candidates.present)
    for user in range(toys.USERS):
        values = normalised[user][candidates.present[user]]
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(values.std(axis=0), 1, atol=1e-9)
    assert not normalised[~candidates.present].any()


def test_equal_scores_that_float64_cannot_hold_exactly_are_no_opinion() -> None:
    scores = np.full((1, 7, 1), 0.1, dtype=np.float32)
    assert not zscore(scores, np.ones((1, 7), dtype=bool)).any()


def test_no_candidates_at_all() -> None:
    assert zscore(np.zeros((2, 0, 3)), np.zeros((2, 0), dtype=bool)).shape == (2, 0, 3)


def test_contributions_add_up_to_the_fused_score() -> None:
    candidates = toys.random_candidates()
    normalised = zscore(candidates.scores, candidates.present)
    weights = np.array([0.2, 0.5, 0.3])
    total = (normalised * weights).sum(axis=2)
    np.testing.assert_allclose(total, fused_scores(normalised, weights), rtol=0, atol=1e-12)


ALL = NORMALISERS | OF_METHODS


@pytest.mark.parametrize("name", ALL)
def test_every_normaliser_keeps_the_order_and_gives_nothing_for_nothing(name: str) -> None:
    candidates = toys.random_candidates()
    candidates.scores[:, :, 2] = np.where(candidates.present, 0.1, 0)  # no opinion
    scale = fitted(name, candidates, contains(toys.random_relevance(), candidates.items))
    normalised = scale(candidates)
    assert not normalised[~candidates.present].any()
    assert not normalised[:, :, 2].any()
    for user in range(toys.USERS):
        there = candidates.present[user]
        for matcher in (0, 1):
            order = np.argsort(candidates.scores[user, there, matcher])
            assert (np.diff(normalised[user, there, matcher][order]) > 0).all()


@pytest.mark.parametrize("name", ALL)
def test_every_normaliser_is_the_users_own_and_knows_no_scale(name: str) -> None:
    candidates = toys.random_candidates()
    scale = fitted(name, candidates, contains(toys.random_relevance(), candidates.items))
    one = np.array([5])
    np.testing.assert_allclose(scale(candidates.take(one)), scale(candidates)[one], atol=1e-12)
    moved = replace(candidates, scores=np.where(candidates.scores != 0, candidates.scores * 64 + 8, 0))
    np.testing.assert_allclose(scale(moved), scale(candidates), atol=1e-4)


def test_known_answers() -> None:
    scores = np.array([[[2.0], [6.0], [4.0], [6.0], [99.0]]])
    present = np.array([[True, True, True, True, False]])
    assert min_max(scores, present).ravel().tolist() == [0, 1, 0.5, 1, 0]
    assert rank(scores, present).ravel() == pytest.approx([0, 5 / 6, 1 / 3, 5 / 6, 0])
    assert reciprocal_rank(scores, present).ravel() == pytest.approx(
        [61 / 64, 61 / 61.5, 61 / 63, 61 / 61.5, 0]
    )


def test_platt_finds_the_curve_that_drew_the_labels() -> None:
    generator = np.random.default_rng(0)
    scores = generator.normal(size=40_000)
    slope, intercept = platt(scores, generator.random(40_000) < 1 / (1 + np.exp(2 - 1.5 * scores)))
    assert (slope, intercept) == pytest.approx((1.5, -2), abs=0.1)
    assert np.isfinite(platt(np.array([0.0, 1.0]), np.array([False, True]))).all()


def test_a_calibrated_score_of_one_deviation_counts_one() -> None:
    candidates = Candidates(
        np.arange(1), np.array([[0, 1]], dtype=np.int32), np.array([[[1.0], [3.0]]], dtype=np.float32), ("a",)
    )
    bent = Normaliser("sigmoid", {"a": (2.0, -3.0)})(candidates).ravel()
    base, top, low = (1 / (1 + np.exp(3 - 2 * z)) for z in (0, 1, -1))
    assert bent == pytest.approx([(low - base) / (top - base), 1])
