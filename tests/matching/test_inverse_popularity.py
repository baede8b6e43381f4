import numpy as np

from tasks.matching.contract import UserBatch, VisitorBatch
from tasks.matching.inverse_popularity import InversePopularity
from tasks.matching.popularity import Popularity
from tasks.matching.retrieve import Retrieval
from tasks.settings.matchers import PopularitySettings
from tests.matching.toys import training_data

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
