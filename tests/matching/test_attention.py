from dataclasses import replace
from typing import Any

import numpy as np

from tasks.arrays.vectors import unit
from tasks.matching.attention import CosineAttention
from tasks.matching.contract import PairBatch, TrainingData, UserBatch
from tasks.matching.cosine import Cosine
from tasks.settings.matchers import CosineAttentionSettings, CosineSettings
from tests.matching.refusal import refusal
from tests.matching.toys import checkerboard, training_data

N_USERS, N_ITEMS, D = 30, 24, 6


def one_telling_slot() -> TrainingData:
    """Two tastes. Slot 1 says which an item is for, slots 0 and 2 say anything; item 5 lacks slot 1."""
    rng = np.random.default_rng(0)
    camp = np.zeros((2, D))
    camp[0, 0], camp[1, 0] = 1, -1
    of_item = camp[np.arange(N_ITEMS) % 2]
    texts = rng.normal(size=(N_ITEMS, 3, D))
    texts[:, 1] = of_item + 0.1 * rng.normal(size=(N_ITEMS, D))
    texts[5, 1] = 0
    events = [
        (user, int(item), position)
        for user in range(N_USERS)
        for position, item in enumerate(rng.permutation(np.arange(user % 2, N_ITEMS, 2))[:8])
    ]
    interests = camp[np.arange(N_USERS) % 2][:, None]
    data = training_data(events, N_USERS, N_ITEMS, unit(texts.astype(np.float32)), interests)
    return replace(
        data, item_vectors=unit((of_item + 0.1 * rng.normal(size=(N_ITEMS, D))).astype(np.float32))
    )


def attention(**settings: Any) -> CosineAttention:
    return CosineAttention(CosineAttentionSettings(whitening=0, **settings))


def mean_of_slots() -> Cosine:
    return Cosine(CosineSettings(whitening=0), "cosine_mean")


def everyone() -> UserBatch:
    return UserBatch(np.arange(N_USERS))


def test_it_listens_to_the_slot_that_tells() -> None:
    data = one_telling_slot()
    matcher = attention(epochs=30, learning_rate=0.05)
    matcher.fit(data)
    users, items = (axis.ravel() for axis in np.indices((N_USERS, N_ITEMS)))
    slots = matcher.best_slot(PairBatch(users, items)).reshape(N_USERS, N_ITEMS)
    assert (np.delete(slots, 5, axis=1) == 1).mean() > 0.9
    assert set(slots[:, 5]) <= {0, 2}
    own = np.arange(N_USERS)[:, None] % 2 == np.arange(N_ITEMS)[None, :] % 2
    mean = mean_of_slots()
    mean.fit(data)

    def wrong(scores: np.ndarray) -> float:
        """Share of pairs of an own and another item that are in the wrong order."""
        pairs = [
            scores[user][own[user]][:, None] <= scores[user][~own[user]][None, :] for user in range(N_USERS)
        ]
        return float(np.mean(pairs))

    assert wrong(matcher.score(everyone())) == 0 < wrong(mean.score(everyone()))


def test_untrained_it_is_the_mean() -> None:
    data = one_telling_slot()
    matcher, mean = attention(epochs=0), mean_of_slots()
    matcher.fit(data)
    mean.fit(data)
    np.testing.assert_allclose(matcher.score(everyone()), mean.score(everyone()), atol=1e-5)


def test_without_item_vectors_or_pasts_nothing_is_learned() -> None:
    for data in (checkerboard(), replace(one_telling_slot(), time=np.zeros(8 * N_USERS, dtype=np.int64))):
        matcher = attention()
        matcher.fit(data)
        mean = mean_of_slots()
        mean.fit(data)
        users = UserBatch(np.arange(data.n_users))
        np.testing.assert_allclose(matcher.score(users), mean.score(users), atol=1e-5)


def test_wrong_settings_say_where_to_set_them() -> None:
    assert "greater than or equal to 0" in refusal("cosine_attention", "epochs", -1)
    assert "less than 1" in refusal("cosine_attention", "whitening", 1.0)
