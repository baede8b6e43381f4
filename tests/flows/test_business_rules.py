"""The whole job under business rules: lists that are published obey them, lists that are judged do not."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from serving.lists import recommend
from tasks.rules.book import today
from tasks.rules.files import load_rules, remove_rules
from tasks.settings.rules import Rule
from tests.homes import Home, run_flow
from warehouse.columns import LISTS
from warehouse.connection import writing
from warehouse.errors import PolyrecError
from warehouse.snapshot import reading

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def judged(home: Home) -> pl.DataFrame:
    lists = [home.query("part_lists", model="fusion", part=part) for part in ("validation", "test")]
    return pl.concat(lists)


def listed(home: Home) -> pl.DataFrame:
    with reading(home.data) as snapshot:
        return snapshot.query("published_lists", lists=LISTS)


def test_published_lists_obey_and_nothing_is_searched_anew(finished: Home, tmp_path: Path) -> None:
    home = finished.copy(tmp_path)
    before, model = listed(home), home.query("current_publication")["fusion_id"][0]
    best = before.filter(rank=1)["item_id"].mode().sort()[0]
    rules = [
        Rule(name="no_best", kind="block", items=(best,)),
        Rule(name="comedy", kind="cap", categories=("Comedy",), at_most=1, first=5),
        Rule(name="bygone", kind="block", categories=("Drama",), valid_until=date(2020, 1, 1)),
        Rule(name="now", kind="exclude_seen", valid_until=today() + timedelta(days=2)),
    ]
    with writing(home.data, "a test") as warehouse:
        load_rules(warehouse, home.settings, rules)
    run_flow(home, "fusion")
    lists = listed(home)
    assert best in set(before["item_id"]) and best not in set(lists["item_id"])
    comedies = lists.filter((pl.col("rank") <= 5) & pl.col("categories").list.contains("Comedy"))
    assert comedies.group_by("user_id").len()["len"].max() == 1
    assert home.query("current_publication")["fusion_id"][0] == model
    assert judged(home).equals(judged(finished))
    seen = home.query("seen_events").select("user_id", "item_id")
    assert lists.join(seen, on=["user_id", "item_id"]).is_empty()
    counts = home.counts("fusion")
    assert counts["rule_no_best_excluded"] > 0 and counts["rule_comedy_moved"] > 0
    user = before.filter(item_id=best)["user_id"][0]
    with reading(home.data) as snapshot:
        answer = recommend(snapshot, user, k=5)
    assert answer["excluded"]["no_best"] == 1

    published = home.query("current_publication")["publication_id"][0]
    run_flow(home, "fusion")  # nothing is new
    assert home.query("current_publication")["publication_id"][0] == published
    with writing(home.data, "a test") as warehouse:
        remove_rules(warehouse, home.settings, ["no_best", "comedy", "now"])
    run_flow(home, "fusion")
    assert (
        listed(home).select("user_id", "rank", "item_id").equals(before.select("user_id", "rank", "item_id"))
    )


def test_a_contradiction_stops_the_job_before_anything_runs(finished: Home, tmp_path: Path) -> None:
    home = finished.copy(tmp_path)
    best = listed(home).filter(rank=1)["item_id"][0]
    categories = listed(home).filter(item_id=best)["categories"][0].to_list()
    with writing(home.data, "a test") as warehouse:
        load_rules(warehouse, home.settings, [Rule(name="top", kind="pin", items=(best,), rank=1)])
    rule = f'[[fusion.rules]]\nname = "no"\nkind = "block"\ncategories = {categories}\n'
    home.config.write_text(home.config.read_text(encoding="utf-8") + rule, encoding="utf-8")
    runs = home.query("last_runs")
    with pytest.raises(PolyrecError, match="'no' and 'top' contradict one another"):
        run_flow(home, "nightly")
    assert home.query("last_runs").equals(runs)
