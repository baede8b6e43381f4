from pathlib import Path

import numpy as np
import pytest

from tasks.matching import registry
from tasks.matching.contract import TrainingData, UserBatch, VisitorBatch
from tasks.matching.ease import item_features
from tasks.matching.infinite_ae import InfiniteAutoencoder, tangent_kernel
from tasks.settings.matchers import InfiniteAeSettings
from tests.matching.refusal import refusal
from tests.matching.toys import checkerboard, random_events, training_data


def made(
    landmarks: int = 100,
    content: float = 0.0,
    discount: float = 0.0,
    learned_half_life_items: float | None = None,
    half_life_items: float | None = None,
) -> InfiniteAutoencoder:
    settings = InfiniteAeSettings(
        regularisation=0.5,
        content=content,
        discount=discount,
        layers=2,
        learned_half_life_items=learned_half_life_items,
        half_life_items=half_life_items,
        landmarks=landmarks,
    )
    return InfiniteAutoencoder(settings)


def unit_rows(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1)


def naive(data: TrainingData, content: float, discount: float) -> np.ndarray:
    """Scores by the definition, all users being landmarks."""
    seen = data.seen.toarray().astype(float)
    x = unit_rows(seen / (seen.sum(axis=0) + 1) ** discount)
    described = unit_rows(np.hstack([x, content * unit_rows(x @ item_features(data))]))
    kernel = tangent_kernel(described @ described.T, 2)
    return kernel @ np.linalg.solve(kernel + 0.5 * np.eye(len(seen)), seen)


def everyone(data: TrainingData) -> UserBatch:
    return UserBatch(np.arange(data.n_users))


@pytest.mark.parametrize(("content", "discount"), [(0.0, 0.0), (0.7, 0.0), (0.7, 0.3)])
def test_scores_follow_the_definition(content: float, discount: float) -> None:
    rng = np.random.default_rng(0)
    events = random_events(0)
    data = training_data(events, n_users=12, n_items=15, categories=rng.random((15, 4)) < 0.4)
    matcher = made(content=content, discount=discount)
    matcher.fit(data)
    np.testing.assert_allclose(matcher.score(everyone(data)), naive(data, content, discount), atol=1e-5)


def test_the_kernel_is_what_a_wide_network_learns_with() -> None:
    """The inner product of gradients of a network with ReLU, over many random ones, scaled to 1."""
    rng = np.random.default_rng(0)
    a, b = np.array([1.0, 0.0]), np.array([0.6, 0.8])
    width = 400_000
    weights, out = rng.normal(size=(width, 2)), rng.normal(size=width)
    active_a, active_b = weights @ a > 0, weights @ b > 0
    last = 2 * np.maximum(weights @ a, 0) * np.maximum(weights @ b, 0)  # gradients of `out`
    first = 2 * out**2 * active_a * active_b * (a @ b)  # gradients of `weights`
    found = (last + first).mean() / 2  # an input with itself has 2
    assert tangent_kernel(np.array([a @ b]), 1)[0] == pytest.approx(found, rel=0.01)


def test_some_users_can_stand_for_all() -> None:
    """With fewer landmarks than users all of them still teach: camps that never mix stay apart."""
    data = checkerboard()
    all_users, some = made(), made(landmarks=3)
    all_users.fit(data)
    some.fit(data)
    assert some._arrays["answers"].shape == (3, data.n_items)
    users = everyone(data)
    exact, close = all_users.score(users), some.score(users)
    for user in range(data.n_users - 1):
        own = np.arange(data.n_items) % 2 == user % 2
        assert exact[user, own].min() > exact[user, ~own].max()
        assert close[user, own].min() > close[user, ~own].max()
    again = made(landmarks=3)
    again.fit(data)
    np.testing.assert_array_equal(again.score(users), close)


def test_nearly_all_users_give_nearly_the_same() -> None:
    data = training_data(random_events(3), n_users=12, n_items=15)
    exact, close = made(), made(landmarks=11)
    exact.fit(data)
    close.fit(data)
    one, other = exact.score(everyone(data)), close.score(everyone(data))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.98


def test_what_was_done_last_counts_more() -> None:
    pairs = [(user, item, 0) for user in range(10) for item in ((0, 1) if user % 2 else (2, 3))]
    data = training_data([*pairs, (10, 0, 1), (10, 2, 2)], n_users=11, n_items=4)
    plain, recent = made(), made(half_life_items=1.0)
    plain.fit(data)
    recent.fit(data)
    asked = UserBatch(np.array([10]))
    assert plain.score(asked)[0, 1] == pytest.approx(plain.score(asked)[0, 3], abs=1e-5)
    assert recent.score(asked)[0, 3] > recent.score(asked)[0, 1]
    forgets = made(learned_half_life_items=0.1)
    forgets.fit(data)  # user 10 hardly teaches item 0 any more
    gained = forgets.score(asked)[0, 0] - plain.score(asked)[0, 0]
    assert gained < -0.01


def test_who_did_nothing_has_no_scores() -> None:
    data = training_data([(0, 0, 0), (0, 1, 0)], n_users=2, n_items=3)
    matcher = made()
    matcher.fit(data)
    assert not matcher.score(UserBatch(np.array([1]))).any()
    nobody = VisitorBatch(np.zeros(0, np.int64), np.array([0, 0]), data.interests[:1], [""])
    assert not matcher.score_visitors(nobody).any()
    nothing = made(content=1.0)
    nothing.fit(training_data([], n_users=2, n_items=3))
    assert not nothing.score(UserBatch(np.arange(2))).any()


def test_it_is_saved_with_its_landmarks(tmp_path: Path) -> None:
    data = checkerboard()
    matcher = made(landmarks=5, content=0.5)
    matcher.fit(data)
    matcher.save(tmp_path)
    np.testing.assert_array_equal(
        registry.load(tmp_path).score(everyone(data)), matcher.score(everyone(data))
    )


def test_bad_parameters_are_refused() -> None:
    assert "greater than or equal to 0" in refusal("infinite_ae", "content", -1)
    assert "greater than or equal to 1" in refusal("infinite_ae", "landmarks", 0)
