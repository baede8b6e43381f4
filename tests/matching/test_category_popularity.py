import numpy as np

from tasks.matching.category_popularity import PRIOR, CategoryPopularity
from tasks.matching.contract import TrainingData, UserBatch
from tasks.matching.popularity import Popularity
from tasks.settings.matchers import CategoryPopularitySettings, PopularitySettings
from tests.matching.refusal import refusal
from tests.matching.toys import training_data

EVERYONE = UserBatch(np.arange(5))
# Items 0 and 1 are of the first category, 2 of the second, 3 of both, 4 of none.
CATEGORIES = np.array([[1, 0], [1, 0], [0, 1], [1, 1], [0, 0]], dtype=bool)
EVENTS = [(0, 0, 1), (1, 0, 1), (1, 1, 2), (2, 2, 1), (3, 0, 1), (3, 2, 2)]


def scores(data: TrainingData, half_life_items: float = 1.0) -> np.ndarray:
    matcher = CategoryPopularity(
        CategoryPopularitySettings(half_life_days=1e9, half_life_items=half_life_items)
    )
    matcher.fit(data)
    return matcher.score(EVERYONE)


def test_scores_follow_the_definition() -> None:
    """User 3 did item 0, then item 2: a third and two thirds. Four of six events are in the first."""
    out = scores(training_data(EVENTS, n_users=5, n_items=5, categories=CATEGORIES))[3]
    share = (1 - PRIOR) * np.array([1 / 3, 2 / 3]) + PRIOR * np.array([4 / 6, 2 / 6])
    lean = np.sqrt(share / np.array([4 / 6, 2 / 6]))
    counts = np.array([3, 1, 2, 0, 0])
    expected = np.sqrt(counts) * np.array([lean[0], lean[0], lean[1], lean.mean(), 0])
    np.testing.assert_allclose(out, expected, rtol=1e-5)


def test_the_newest_category_counts_most() -> None:
    data = training_data(EVENTS, n_users=5, n_items=5, categories=CATEGORIES)
    recent, alike = scores(data)[3], scores(data, half_life_items=1e9)[3]
    assert recent[2] > alike[2]
    assert recent[0] < alike[0]


def test_without_history_or_categories_the_order_is_that_of_popularity() -> None:
    popularity = Popularity(PopularitySettings(half_life_days=1e9))
    for categories, users in ((CATEGORIES, [4]), (None, range(5))):
        data = training_data(EVENTS, n_users=5, n_items=5, categories=categories)
        popularity.fit(data)
        expected = np.sqrt(np.expm1(popularity.score(EVERYONE)))
        np.testing.assert_allclose(scores(data)[list(users)], expected[list(users)], rtol=1e-5)


def test_bad_parameters_are_refused() -> None:
    assert "greater than 0" in refusal("category_popularity", "half_life_items", 0)
