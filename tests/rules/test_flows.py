"""The whole job where not every item may be recommended, or not every user is known."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.homes import ITEMS, Home, run_flow
from warehouse.columns import FITS, LISTS, PARTS_OF_FIT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
BLOCKED = ["1", "7", "22"]  # popular ones
Run = Callable[[str], Home]


@pytest.fixture
def run(finished: Home, tmp_path: Path) -> Run:
    """Runs the job again with lines added to the configuration; a line below [data] goes there."""

    def again(lines: str) -> Home:
        home = finished.copy(tmp_path)
        text = home.config.read_text(encoding="utf-8")
        text = text.replace('method = "weighted"', 'method = "auto"').replace("[data]\n", lines + "\n", 1)
        home.config.write_text(text, encoding="utf-8")
        run_flow(home, "nightly")
        return home

    return again


def shown(home: Home) -> dict[str, set[str]]:
    """The items of published lists, of fusion's lists to evaluate, and of each fit's candidates."""
    matchers = list(home.settings.matching.matchers)
    frames = {fit: home.query("candidate_scores", fit=fit, matchers=matchers) for fit in FITS}
    frames |= {part: home.query("part_lists", model="fusion", part=part) for part in ("validation", "test")}
    return {
        name: set(frame["item_id"])
        for name, frame in (frames | {"lists": home.query("published_lists", lists=LISTS)}).items()
    }


def log_of(home: Home, parts: tuple[str, ...] = PARTS_OF_FIT["all"]) -> pl.DataFrame:
    return home.query("fit_interactions", protocol=home.settings.data.protocol, parts=list(parts))


def test_blocked_items_are_learned_from_and_never_shown(run: Run, finished: Home) -> None:
    assert set(BLOCKED) <= shown(finished)["lists"]
    home = run(f"[catalogue]\nblocked = {BLOCKED}\n\n[data]")
    assert not {name: items for name, items in shown(home).items() if items & set(BLOCKED)}
    for parts in PARTS_OF_FIT.values():
        assert log_of(home, parts).equals(log_of(finished, parts))
    for fit in FITS:  # interests come from histories
        assert home.query("user_vectors", fit=fit).equals(finished.query("user_vectors", fit=fit))
    metrics = home.query("metrics").filter(pl.col("metric") == "coverage_at_10")
    items = (metrics["value"] * (ITEMS - len(BLOCKED))).to_list()  # the catalogue is what may be recommended
    assert items == pytest.approx([round(value) for value in items], abs=1e-6)
    held = log_of(home, ("test",)).filter(~pl.col("item_id").is_in(BLOCKED))
    scored = home.frame("from evaluation.per_user where part = 'test' and metric = 'ndcg_at_10'")
    assert set(scored["user_id"]) == set(held["user_id"])


@pytest.mark.thorough
def test_cold_items_alone_are_candidates_for_test(run: Run) -> None:
    home = run('[data]\nprotocol = "cold_item"\ndraw = 1')
    cold = set(log_of(home, ("test",))["item_id"])
    assert not cold & set(log_of(home, PARTS_OF_FIT["train_validation"])["item_id"])
    items = shown(home)
    assert cold <= items["train_validation"] and len(items["train_validation"]) <= ITEMS // 5 + 1
    assert items["test"] <= items["train_validation"]
    assert len(items["lists"]) > len(items["train_validation"])


@pytest.mark.thorough  # as are splits of each protocol, and the test of leaks, without the whole job
def test_unseen_users_get_lists_from_what_is_given(run: Run) -> None:
    home = run('[data]\nprotocol = "cold_user"\ngiven_events = 5')
    given, test = log_of(home, ("given",)), log_of(home, ("test",))
    unseen = set(test["user_id"])
    assert unseen and not unseen & set(log_of(home, PARTS_OF_FIT["train_validation"])["user_id"])
    assert unseen <= set(home.query("user_vectors", fit="train_validation")["user_id"])
    lists = home.query("part_lists", model="fusion", part="test")
    assert unseen <= set(lists["user_id"])
    assert lists.join(given, on=["user_id", "item_id"], how="semi").is_empty()
    ease = home.query("candidate_scores", fit="train_validation", matchers=["ease"])
    assert ease.filter(pl.col("user_id").is_in(list(unseen)))["score"].n_unique() > 10
