import numpy as np

from tasks.matching.contract import UserBatch, VisitorBatch
from tasks.matching.popularity import DAY_S, InversePopularity, Popularity
from tasks.matching.retrieve import Retrieval
from tasks.settings.matchers import PopularitySettings
from tests.matching.refusal import refusal
from tests.matching.toys import training_data


def test_an_event_one_half_life_old_counts_half() -> None:
    now = 100 * DAY_S
    events = [(0, 0, now), (0, 1, now - 7 * DAY_S), (1, 1, now - 14 * DAY_S), (1, 0, now)]
    popularity = Popularity(PopularitySettings(half_life_days=7))
    popularity.fit(training_data(events, n_users=2, n_items=3))
    expected = np.log1p([2.0, 0.75, 0.0])
    np.testing.assert_allclose(popularity.score(UserBatch(np.arange(2))), [expected, expected], rtol=1e-6)


def test_newer_events_can_outweigh_more_events() -> None:
    events = [(user, 0, 0) for user in range(3)] + [(user, 1, 10 * DAY_S) for user in range(2)]
    data = training_data(events, n_users=3, n_items=2)
    for half_life, winner in ((1, 1), (1_000, 0)):
        popularity = Popularity(PopularitySettings(half_life_days=half_life))
        popularity.fit(data)
        assert popularity.score(UserBatch(np.array([0])))[0].argmax() == winner


def test_a_half_life_of_zero_is_refused() -> None:
    assert "greater than 0" in refusal("popularity", "half_life_days", 0)


DATA = training_data([(0, 0, 1), (1, 0, 1), (1, 1, 2)], n_users=3, n_items=4)


def fitted() -> InversePopularity:
    matcher = InversePopularity(PopularitySettings())
    matcher.fit(DATA)
    return matcher


def test_the_fewer_events_the_higher_and_nothing_for_who_has_no_history() -> None:
    expected = -np.log1p([2, 1, 0, 0])
    of_users = np.stack([expected, expected, np.zeros(4)])
    np.testing.assert_allclose(fitted().score(UserBatch(np.arange(3))), of_users, rtol=1e-6)
    visitors = VisitorBatch(np.array([1]), np.array([0, 1, 1]), np.zeros((2, 1, 2), np.float32), ["", ""])
    np.testing.assert_allclose(fitted().score_visitors(visitors), of_users[1:], rtol=1e-6)


def test_it_scores_what_others_propose_and_proposes_nothing() -> None:
    popularity = Popularity(PopularitySettings())
    popularity.fit(DATA)
    (found,) = Retrieval([popularity, fitted()], DATA, block=1, m=1).candidates(np.array([0]))
    assert found["item"].to_list() == [1, 1]  # the most popular that user 0 has not seen; not 2 or 3
    assert found.filter(matcher="inverse_popularity")["own_rank"].to_list() == [None]
