"""Dislikes and views in the log: a whole job with `min_value`, on a small world after public bug reports."""

import json
from collections.abc import Callable

import pytest

from tests.flows.nights import lists_of, report_of
from tests.homes import Home
from warehouse.columns import FITS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def home(small: Callable[[str], Home]) -> Home:
    return small("dislikes")


def test_what_is_disliked_or_viewed_is_in_no_list_of_its_user(home: Home) -> None:
    seen = home.frame("select user_id, item_id, value from core.seen_only")
    assert seen.group_by("value").len().sort("value").rows() == [(-1.0, 12), (0.0, 14)]
    known = home.frame("select distinct user_id, item_id from core.interactions")
    for lists in (
        lists_of(home),
        home.frame("select user_id, item_id from matching.scores where fit = 'all'"),
    ):
        for had in (seen, known):
            assert lists.join(had, on=["user_id", "item_id"], how="semi").is_empty()
    assert set(lists_of(home)["user_id"]) == {f"u{number:02d}" for number in range(1, 15)}


def test_good_stands_above_bad_for_those_who_know_neither(home: Home) -> None:
    lists = lists_of(home)
    for user in ("u13", "u14"):
        ranks = dict(lists.filter(user_id=user).select("item_id", "rank").rows())
        assert ranks["good"] < ranks.get("bad", len(ranks) + 1)


def test_dislikes_are_no_interest_in_any_fit_and_all_figures_are_finite(home: Home) -> None:
    parts = ["train", "validation", "test"]
    events = home.query("fit_interactions", protocol="temporal_user", parts=parts)
    assert events.filter(item_id="bad").is_empty() and events["value"].min() == 1
    scores = home.frame("select fit, score from matching.scores")
    assert set(scores["fit"]) == set(FITS) and scores["score"].is_finite().all()
    report = report_of(home)
    json.dumps(report, allow_nan=False)
    assert (report["seen_only"], report["interactions"]) == (26, events.height)
    held = home.query("fit_interactions", protocol="temporal_user", parts=["test"])
    assert report["judged"]["test"] == {"users": held["user_id"].n_unique(), "nothing_left": 0}
