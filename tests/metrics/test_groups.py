import numpy as np
import pytest
from scipy.sparse import csr_array

from tasks.metrics.evaluator import Truth, evaluate_lists
from tasks.metrics.groups import (
    AGE,
    HISTORY,
    POPULARITY,
    Grouping,
    group_shares,
    group_values,
    groupings,
    terciles,
)

# Three users, six items: users 0 and 1 have relevant items, user 2 has none.
RELEVANT = np.array([[1, 0, 1, 0, 0, 0], [0, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0]], dtype=bool)
HISTORY_OF = np.array([[0, 1, 0, 1, 0, 0], [0, 1, 0, 1, 1, 0], [0, 1, 0, 0, 0, 0]], dtype=bool)
LISTS = np.array([[2, 4], [5, 0], [0, 2]])


def truth(**changes: object) -> Truth:
    values: dict[str, object] = {
        "relevant": csr_array(RELEVANT),
        "history": csr_array(HISTORY_OF),
        "categories": np.eye(6, dtype=bool),
        "k": 2,
    }
    return Truth(**{**values, **changes})  # type: ignore[arg-type]


def test_terciles_are_thirds_and_equal_values_stay_together() -> None:
    assert np.bincount(terciles(np.arange(30))).tolist() == [10, 10, 10]
    assert len(set(terciles(np.array([4, 4, 4, 4])))) == 1
    assert terciles(np.array([])).tolist() == []


def test_who_is_in_which_group() -> None:
    age = np.array([0, 1, 2, 3, 4, np.nan])
    history, by_age, popularity = groupings(truth(), age)
    assert (history.kind, by_age.kind, popularity.kind) == (HISTORY, AGE, POPULARITY)
    assert history.group.tolist() == [1, 2, 0]  # histories of 2, 3 and 1
    assert by_age.group.tolist() == [0, 0, 1, 2, 2, -1]
    assert popularity.group.tolist() == [0, 2, 0, 2, 1, 0]  # had by 0, 3, 0, 2, 1 and 0 users
    assert popularity.members == {"tail": 3, "middle": 1, "head": 2}
    shown = np.array([True, False, True, True, True, True])
    assert groupings(truth(recommendable=shown), age)[1].group[1] == -1


def test_users_by_group() -> None:
    per_user = evaluate_lists(LISTS, truth()).per_user
    found = group_values(LISTS, truth(), per_user, Grouping(HISTORY, np.array([0, 2, 2])))
    np.testing.assert_array_equal(found["short", "recall_at_2"], [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(found["long", "recall_at_2"], [np.nan, 0.5, np.nan])
    assert np.isnan(found["middle", "ndcg_at_2"]).all()
    np.testing.assert_array_equal(found["long", "ild_at_2"], [np.nan, 1, np.nan])
    assert group_shares(LISTS, truth(), Grouping(HISTORY, np.zeros(3, dtype=int))) == {}


def test_items_by_group_are_judged_as_if_they_alone_were_relevant() -> None:
    grouping = Grouping(POPULARITY, np.array([0, 0, 1, 1, 2, 2]))
    found = group_values(LISTS, truth(), {}, grouping)
    np.testing.assert_array_equal(found["tail", "recall_at_2"], [0, np.nan, np.nan])
    np.testing.assert_array_equal(found["middle", "recall_at_2"], [1, 0, np.nan])
    np.testing.assert_array_equal(found["head", "ndcg_at_2"], [np.nan, 1, np.nan])
    shares = group_shares(LISTS, truth(), grouping)
    assert shares["middle", "exposure_share_at_2"] == pytest.approx(2 / 6)
    assert shares["middle", "relevant_share"] == pytest.approx(2 / 4)
    assert shares["tail", "relevant_share"] == pytest.approx(1 / 4)


def test_a_short_list_hits_nothing_in_its_empty_places() -> None:
    lists = np.array([[2, -1], [-1, -1], [-1, -1]])
    found = group_values(lists, truth(), {}, Grouping(AGE, np.full(6, 2)))
    np.testing.assert_array_equal(found["old", "recall_at_2"], [0.5, 0, np.nan])
