"""The main job in small worlds: it ends with lists, and says where nothing could be judged."""

import json
from collections.abc import Callable

import pytest

from tasks.evaluation.report import report_markdown
from tests.flows.nights import STAGES, lists_of, report_of
from tests.homes import Home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CASES = ("all-alike", "one-event", "one-item", "one-user", "three-by-three", "user-who-has-everything")
JUDGED = {  # users on validation, and on test
    "all-alike": (6, 6),
    "one-event": (0, 0),
    "one-item": (0, 0),
    "one-user": (1, 1),
    "three-by-three": (0, 0),
    "user-who-has-everything": (12, 12),
}
Small = Callable[[str], Home]


@pytest.mark.parametrize("case", CASES)
def test_everyone_gets_what_is_left_for_them(small: Small, case: str) -> None:
    home = small(case)
    items, events = (home.query(name) for name in ("items", "interactions"))
    had = dict(events.group_by("user_id").agg("item_id").rows())
    lists = dict(lists_of(home).group_by("user_id", maintain_order=True).agg("item_id").rows())
    for user in home.query("users")["user_id"]:
        left = set(items["item_id"]) - set(had[user])
        assert sorted(lists.get(user, [])) == sorted(left)  # nothing twice, nothing that was had


@pytest.mark.parametrize("case", CASES)
def test_figures_are_numbers_or_null_and_the_report_says_who_could_be_judged(small: Small, case: str) -> None:
    report = report_of(small(case))
    json.dumps(report, allow_nan=False)
    assert set(report["stages"]) == set(STAGES)
    fusion, text = report["fusion"], report_markdown(report)
    for part, judged in zip(("val", "test"), JUDGED[case], strict=True):
        assert report["judged"][part]["users"] == judged
        assert (fusion[part]["ndcg_at_10"] is None) == (judged == 0)
    assert ("Nobody could be judged on validation or on test." in text) == (JUDGED[case] == (0, 0))
    assert ("Only 1 user is judged on test" in text) == (case == "one-user")
    tuned = JUDGED[case][0] > 1
    assert fusion["tuned"] == tuned
    assert ("Too few users could be judged on validation to tune the fusion" in text) == (not tuned)
    if not tuned:
        assert len(set(fusion["weights"].values())) == 1
        assert fusion["diversity"] == 0


def test_nothing_is_searched_where_nobody_can_be_judged(small: Small) -> None:
    counts = small("three-by-three").counts("fusion")
    assert (counts["trials"], counts["validation_users"], counts["users"]) == (0, 0, 3)
    assert small("one-item").counts("fusion")["recommendations"] == 0
