"""Who is left out of the fusion, and what takes the place of what is set."""

import numpy as np
import pytest

from tasks.matching.adaptation.held_out import hold_out
from tasks.matching.adaptation.plan import Group, MatcherPlan
from tasks.matching.adaptation.search import Found, Search, left_out
from tasks.run.study import TrialFile
from tasks.settings.matching import Matching
from tests.matching.toys import random_events, training_data


def found(name: str, compared: float) -> Found:
    return Found(name, {}, {}, compared, compared, compared)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"ease": 0.10, "ials": 0.05, "sasrec": 0.049}, ("sasrec",)),
        ({"ease": 0.0, "ials": 0.0}, ()),
        ({}, ()),
    ],
)
def test_who_stays_under_a_share_of_the_best_is_left_out(
    values: dict[str, float], expected: tuple[str, ...]
) -> None:
    assert left_out([found(name, value) for name, value in values.items()], 0.5) == expected


def test_what_is_no_better_leaves_what_is_set_and_what_cannot_be_fitted_stops_nothing() -> None:
    data = training_data(random_events(1), 12, 15)
    held_out = hold_out(data, np.ones(15, dtype=bool), None)
    same = [Group({"regularisation": value}, [{}]) for value in (300.0, 300.1)]
    broken = Group({"regularisation": 1e-300}, [{}])
    plan = MatcherPlan("ease_plain", [*same, broken])
    matching = Matching.model_validate({"ease_plain": {"side_information_weight": 0}})
    one = Search(held_out, matching, 10, TrialFile(None)).run(plan)
    assert one.changed == {}
    assert one.ndcg == one.as_set_ndcg > 0
