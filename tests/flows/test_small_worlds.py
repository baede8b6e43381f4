"""The main job in small worlds: it ends with lists, and says where nothing could be judged."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tasks.evaluation.report import report_markdown
from tests.flows.commands import Answer, refused
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
    "user-who-has-everything": (10, 10),
}
Small = Callable[[str], Home]
Ask = Callable[..., Answer]


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


@pytest.mark.parametrize("case", CASES)
def test_every_user_can_be_asked_for(small: Small, polyrec: Ask, tmp_path: Path, case: str) -> None:
    home = small(case)
    items = home.query("items")["item_id"].to_list()
    events = home.query("interactions").group_by("user_id").agg("item_id").sort("user_id")
    for user, had in events.rows():
        left = set(items) - set(had)
        for options, n in ([], len(left)), (["--k", 1], 1), (["--k", 1000], len(left)):
            answer = polyrec("recommend", user, "--json", *options, "--config", home.config)
            listed = [item["item_id"] for item in json.loads(answer.out)["items"]]
            assert (answer.code, len(listed)) == (0, min(n, len(left)))
            assert set(listed) <= left and len(set(listed)) == len(listed)
        refused(polyrec("recommend", user, "--k", 0, "--config", home.config), "k must be at least 1")
        for item in items[:2]:
            assert polyrec("explain", user, item, "--config", home.config).code == 0
    assert polyrec("report", "--config", home.config).code == 0
    assert polyrec("export", tmp_path / "l.csv", "--config", home.config).code == 0
    rows = pl.read_csv(tmp_path / "l.csv", infer_schema=False)
    assert rows.height == sum(len(items) - len(had) for had in events["item_id"])


def test_who_had_everything_is_told_so(small: Small, polyrec: Ask) -> None:
    home = small("user-who-has-everything")
    for options in ([], ["--diversity", 0.5], ["--diversity", "diverse"]):
        answer = polyrec("recommend", "all", *options, "--config", home.config)
        assert answer.code == 0 and "Nothing is left for user 'all'" in answer.out
        (only,) = json.loads(
            polyrec("recommend", "all-but-i07", "--json", *options, "--config", home.config).out
        )["items"]
        assert only["item_id"] == "i07"


@pytest.mark.parametrize("command", [("ablate", "matchers"), ("ablate", "texts"), ("tune", "ease")])
def test_studies_refuse_what_nobody_can_judge(small: Small, polyrec: Ask, command: tuple[str, ...]) -> None:
    for case in ("three-by-three", "one-user"):
        answer = polyrec(*command, "--config", small(case).config)
        refused(answer, "validation", "set another [data] protocol")
