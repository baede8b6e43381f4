from itertools import pairwise

import numpy as np
import pytest

from tasks.matching.contract import UserBatch, VisitorBatch
from tasks.matching.ials import Ials
from tasks.settings.matchers import IalsSettings
from tests.matching.refusal import refusal
from tests.matching.toys import training_data

EVENTS = [
    (user, item, item)
    for user in range(7)
    for item in range(6)
    if (user * item + user) % 3 == 0 or user == item
]
DATA = training_data(EVENTS, n_users=8, n_items=6)


def ials(**changed: float | None) -> Ials:
    values = {"factors": 3, "epochs": 5, "unobserved": 0.2, "regularisation": 0.05, "scaling": 0.5}
    return Ials(IalsSettings.model_validate({"half_life_items": None, **values, **changed}))


def factors(matcher: Ials, history: np.ndarray) -> np.ndarray:
    """Each row's ridge regression by the definition: weights on events, `unobserved` on every pair."""
    items = matcher._array("items").astype(float)
    out = []
    for weights in history:
        penalty = 0.05 * (weights.sum() + 0.2 * len(items)) ** 0.5
        gram = (items * (weights + 0.2)[:, None]).T @ items + penalty * np.eye(3)
        out.append(np.linalg.solve(gram, items.T @ weights))
    return np.array(out)


def test_user_factors_solve_the_weighted_ridge_regression() -> None:
    matcher = ials()
    matcher.fit(DATA)
    expected = factors(matcher, DATA.seen.toarray()) @ matcher._array("items").T
    np.testing.assert_allclose(matcher.score(UserBatch(np.arange(8))), expected, rtol=1e-4, atol=1e-6)


def test_recency_weighs_the_history_that_factors_are_applied_to() -> None:
    matcher = ials(half_life_items=1.0)
    matcher.fit(DATA)
    history = np.zeros((8, 6))
    history[DATA.user, DATA.item] = 0.5 ** DATA.position_back.astype(float)
    expected = factors(matcher, history) @ matcher._array("items").T
    np.testing.assert_allclose(matcher.score(UserBatch(np.arange(8))), expected, rtol=1e-4, atol=1e-6)
    visitor = VisitorBatch(np.array([3, 0]), np.array([0, 2]), np.zeros((1, 1, 2), dtype=np.float32), [""])
    done = factors(matcher, np.array([[1, 0, 0, 0.5, 0, 0]]))
    np.testing.assert_allclose(matcher.score_visitors(visitor), done @ matcher._array("items").T, rtol=1e-4)


def test_every_epoch_lowers_the_objective() -> None:
    seen = DATA.seen.toarray()

    def objective(epochs: int) -> float:
        matcher = ials(epochs=epochs)
        matcher.fit(DATA)
        users, items = matcher._array("users").astype(float), matcher._array("items").astype(float)
        scores = users @ items.T
        loss = (seen * (1 - scores) ** 2).sum() + 0.2 * (scores**2).sum()
        of_user = (seen.sum(axis=1) + 0.2 * 6) ** 0.5 * (users**2).sum(axis=1)
        of_item = (seen.sum(axis=0) + 0.2 * 8) ** 0.5 * (items**2).sum(axis=1)
        return float(loss + 0.05 * (of_user.sum() + of_item.sum()))

    values = [objective(epochs) for epochs in (1, 2, 4, 8)]
    assert all(after < before for before, after in pairwise(values))


def test_blocks_of_rows_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = ials(), ials()
    whole.fit(DATA)
    monkeypatch.setattr("tasks.matching.ials.FLOATS_AT_ONCE", 1)
    cut.fit(DATA)
    everyone = UserBatch(np.arange(8))
    np.testing.assert_allclose(whole.score(everyone), cut.score(everyone), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("key", ["factors", "epochs", "unobserved", "regularisation"])
def test_bad_parameters_are_refused(key: str) -> None:
    assert "greater than" in refusal("ials", key, 0)
