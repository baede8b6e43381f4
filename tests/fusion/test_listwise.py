import numpy as np

from tasks.fusion.listwise import likeliest_weights

N_USERS, N_CANDIDATES = 400, 12


def world() -> tuple[np.ndarray, np.ndarray]:
    """What is chosen follows a softmax of 2 a + 1 b; c is noise."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(N_USERS, N_CANDIDATES, 3))
    odds = np.exp(scores @ [2, 1, 0])
    drawn = (odds.cumsum(axis=1) / odds.sum(axis=1, keepdims=True) < rng.random((N_USERS, 1))).sum(axis=1)
    return scores, np.arange(N_CANDIDATES) == drawn[:, None]


def test_weights_are_those_that_people_chose_by() -> None:
    scores, relevant = world()
    weights = likeliest_weights(scores, relevant, np.ones_like(relevant))
    assert weights is not None
    np.testing.assert_allclose(weights, [2, 1, 0], atol=0.2)
    np.testing.assert_allclose(weights / weights.sum(), [2 / 3, 1 / 3, 0], atol=0.05)


def test_what_is_not_there_is_not_looked_at() -> None:
    scores, relevant = world()
    expected = likeliest_weights(scores, relevant, np.ones_like(relevant))
    padded = np.pad(scores, ((0, 3), (0, 2), (0, 0)), constant_values=1e6)
    wanted, there = np.pad(relevant, ((0, 3), (0, 2))), np.pad(np.ones_like(relevant), ((0, 3), (0, 2)))
    again = likeliest_weights(padded, wanted, there)
    assert again is not None and expected is not None
    np.testing.assert_allclose(again, expected, atol=1e-6)


def test_nothing_relevant_and_nothing_helpful_give_none() -> None:
    scores, relevant = world()
    assert likeliest_weights(scores, np.zeros_like(relevant), np.ones_like(relevant)) is None
    # The relevant one always has the lowest score.
    against = np.where(relevant[:, :, None], -1.0, 1.0)
    assert likeliest_weights(against, relevant, np.ones_like(relevant)) is None
