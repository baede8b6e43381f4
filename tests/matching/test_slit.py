import numpy as np
import pytest

from tasks.matching.contract import TrainingData, UserBatch
from tasks.matching.slit import Slit
from tasks.settings.matchers import SlitSettings
from tests.matching.refusal import refusal
from tests.matching.toys import random_events, training_data


def made(regularisation: float, half_life_items: float, history_half_life_items: float) -> Slit:
    return Slit(
        SlitSettings(
            regularisation=regularisation,
            half_life_items=half_life_items,
            history_half_life_items=history_half_life_items,
        )
    )


def naive(
    data: TrainingData, regularisation: float, half_life: float, history_half_life: float
) -> np.ndarray:
    """Scores by the definition: every training prefix of every user, one at a time."""
    gram, after = np.zeros((data.n_items, data.n_items)), np.zeros((data.n_items, data.n_items))
    histories = np.zeros((data.n_users, data.n_items))
    for user in range(data.n_users):
        mine = data.user == user
        item, time = data.item[mine], data.time[mine]
        for end in np.unique(time)[1:]:
            past, future = np.zeros(data.n_items), np.zeros(data.n_items)
            for it, at in zip(item, time, strict=True):
                if at < end:
                    past[it] += 0.5 ** (((time > at) & (time < end)).sum() / half_life)
                else:
                    future[it] += 0.5 ** (((time < at) & (time >= end)).sum() / half_life)
            gram += np.outer(past, past)
            after += np.outer(past, future)
        for it, at in zip(item, time, strict=True):
            histories[user, it] = max(histories[user, it], 0.5 ** ((time > at).sum() / history_half_life))
    return histories @ np.linalg.solve(gram + regularisation * np.eye(data.n_items), after)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scores_follow_the_definition(seed: int) -> None:
    data = training_data(random_events(seed), n_users=12, n_items=15)
    slit = made(2.0, 3.0, 5.0)
    slit.fit(data)
    expected = naive(data, 2.0, 3.0, 5.0)
    np.testing.assert_allclose(slit.score(UserBatch(np.arange(12))), expected, rtol=1e-4, atol=1e-5)


def test_what_comes_next_is_not_what_came_before() -> None:
    """Everybody goes 0, 1, 2. One who has just seen 1 wants 2; EASE could not tell it from 0."""
    events = [(user, item, item) for user in range(8) for item in range(3)]
    data = training_data([*events, (8, 1, 0)], n_users=9, n_items=4)
    slit = made(1.0, 2.0, 2.0)
    slit.fit(data)
    scores = slit.score(UserBatch(np.array([8])))[0]
    assert scores[2] > 5 * max(scores[0], scores[3])


def test_the_order_inside_a_block_does_not_matter() -> None:
    events = [(0, 0, 1), (0, 1, 1), (0, 2, 2), (1, 0, 1), (1, 1, 1), (1, 2, 2), (1, 3, 2)]
    swapped = [(0, 1, 1), (0, 0, 1), (0, 2, 2), (1, 1, 1), (1, 0, 1), (1, 3, 2), (1, 2, 2)]
    one, other = made(1.0, 2.0, 2.0), made(1.0, 2.0, 2.0)
    one.fit(training_data(events, n_users=2, n_items=4))
    other.fit(training_data(swapped, n_users=2, n_items=4))
    users = UserBatch(np.arange(2))
    np.testing.assert_allclose(one.score(users), other.score(users), rtol=1e-6)


def test_bad_parameters_are_refused() -> None:
    assert "greater than 0" in refusal("slit", "half_life_items", 0)
