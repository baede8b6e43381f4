import numpy as np
import pytest

from tasks.arrays.vectors import centred, unit
from tasks.matching import registry
from tasks.matching.contract import PairBatch, TrainingData, UserBatch, VisitorBatch
from tasks.matching.cosine import Cosine
from tasks.matching.whitening import mapped, whitening_matrix
from tasks.settings.matchers import CosineSettings
from tasks.settings.matching import Matching
from tests.matching.refusal import refusal
from tests.matching.toys import N_ITEMS, N_SLOTS, N_USERS, UNKNOWN_USER, checkerboard, training_data
from warehouse.errors import SettingsError

TEMPERATURE = 0.1
REDUCE = {
    "max": np.max,
    "mean": np.mean,
    "logsumexp": lambda cosines: TEMPERATURE * np.log(np.mean(np.exp(cosines / TEMPERATURE))),
}


def made(reduction: str, **settings: float) -> Cosine:
    return Cosine(CosineSettings(**{"whitening": 0.0, **settings}), f"cosine_{reduction}")


def naive(data: TrainingData, reduction: str, whitening: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores and slots by loops over everything."""
    texts = centred(data.text_vectors)
    matrix = whitening_matrix(texts, whitening)
    texts, interests = mapped(texts, matrix), mapped(data.interests, matrix)
    scores, slots = np.zeros((N_USERS, N_ITEMS)), np.full((N_USERS, N_ITEMS), -1)
    for user in range(N_USERS):
        for item in range(N_ITEMS):
            there = [slot for slot in range(N_SLOTS) if texts[item, slot].any()]
            best = -np.inf
            for interest in (vector for vector in interests[user] if vector.any()):
                cosines = np.array([interest @ texts[item, slot] for slot in there])
                if not there:
                    continue
                value = REDUCE[reduction](cosines)
                if value > best:
                    best = value
                    scores[user, item], slots[user, item] = value, there[int(cosines.argmax())]
    return scores, slots


@pytest.mark.parametrize("whitening", [0.0, 0.7])
@pytest.mark.parametrize("reduction", sorted(REDUCE))
def test_agrees_with_loops(reduction: str, whitening: float) -> None:
    data = checkerboard()
    cosine = made(reduction, whitening=whitening, temperature=TEMPERATURE)
    cosine.fit(data)
    scores, slots = naive(data, reduction, whitening)
    users, items = (axis.ravel() for axis in np.indices((N_USERS, N_ITEMS)))
    np.testing.assert_allclose(cosine.score(UserBatch(np.arange(N_USERS))), scores, atol=1e-6)
    np.testing.assert_array_equal(cosine.best_slot(PairBatch(users, items)), slots[users, items])


def test_max_likes_one_good_text_and_mean_likes_all_fair_ones() -> None:
    good, bad, fair = [1, 0, 0], [-1, 0, 0], [0.6, 0.8, 0]
    balance = [[-0.6, -0.8, 0], [-0.6, -0.8, 0]]  # brings the mean text to zero: centring changes nothing
    data = training_data(
        [], 1, 3, np.array([[good, bad], [fair, fair], balance]), np.array([[[1.0, 0.0, 0.0]]])
    )
    best, together = made("max"), made("mean")
    best.fit(data)
    together.fit(data)
    user = UserBatch(np.array([0]))
    np.testing.assert_allclose(best.score(user)[0], [1.0, 0.6, -0.6], atol=1e-6)
    np.testing.assert_allclose(together.score(user)[0], [0.0, 0.6, -0.6], atol=1e-6)
    assert best.best_slot(PairBatch(np.array([0]), np.array([0]))).tolist() == [0]


def test_what_all_texts_share_says_nothing() -> None:
    """Two texts that differ in one small direction only: after centring they are opposites."""
    texts = unit(np.array([[[5.0, 0.5]], [[5.0, -0.5]]], dtype=np.float32))
    cosine = made("max")
    cosine.fit(training_data([], 1, 2, texts, np.array([[[0.0, 1.0]]])))
    np.testing.assert_allclose(cosine.score(UserBatch(np.array([0])))[0], [1.0, -1.0], atol=1e-6)


def test_missing_texts_and_missing_interests_score_zero_and_name_no_slot() -> None:
    texts = np.array([[[1.0, 0.0]], [[-1.0, 0.0]], [[0.0, 0.0]]])
    interests = np.array([[[1.0, 0.0]], [[0.0, 0.0]]])
    for reduction in ("max", "mean", "logsumexp"):
        cosine = made(reduction)
        cosine.fit(training_data([], 2, 3, texts, interests))
        np.testing.assert_allclose(cosine.score(UserBatch(np.arange(2))), [[1, -1, 0], [0, 0, 0]], atol=1e-6)
        assert cosine.best_slot(PairBatch(np.array([0, 0, 1]), np.array([0, 2, 0]))).tolist() == [0, -1, -1]


def test_an_unknown_user_has_no_deciding_slot() -> None:
    cosine = made("max")
    cosine.fit(checkerboard())
    assert cosine.best_slot(PairBatch(np.array([UNKNOWN_USER]), np.array([0]))).tolist() == [-1]


def test_a_visitors_interests_are_whitened_too() -> None:
    data = checkerboard()
    cosine = made("max", whitening=0.7)
    cosine.fit(data)
    nothing_done = np.zeros(0, np.int64), np.zeros(N_USERS + 1, np.int64)
    visitors = VisitorBatch(*nothing_done, data.interests, [""] * N_USERS)
    expected = cosine.score(UserBatch(np.arange(N_USERS)))
    np.testing.assert_allclose(cosine.score_visitors(visitors), expected, atol=1e-6)


def test_a_temperature_near_zero_is_refused() -> None:
    assert "greater than or equal to 0.001" in refusal("cosine", "temperature", 0.0)


def test_an_unknown_reduction_is_refused() -> None:
    with pytest.raises(SettingsError, match="'cosine_median'; choose among .* cosine_max, cosine_mean,"):
        registry.build("cosine_median", Matching())
