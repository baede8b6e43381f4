import numpy as np

from tasks.fusion.contributions import contributions, fused_scores
from tasks.fusion.normalise import zscore
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
    total = contributions(normalised, weights).sum(axis=2)
    np.testing.assert_allclose(total, fused_scores(normalised, weights), rtol=0, atol=1e-12)
