"""Events that show no interest: which fits know of them, what they take back; cases of bug reports."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from tasks.ingest.splits import split_interactions
from tasks.settings.data import Data, Interactions
from tests.homes import CASES
from tests.ingest.deliveries import checked, load_delivery
from tests.ingest.staged import Row, load_rows
from warehouse.columns import HISTORY_OF_FIT
from warehouse.connection import Warehouse, writing

EVENT = ("user_id", "item_id", "rating", "when")
START = 1_600_000_000
RATED = Data(source="files", interactions=Interactions(time="when", value="rating", min_value=3))


def rated(user: str, *events: tuple[str, int, int]) -> list[Row]:
    """Rows of a user: item, rating, seconds after the start."""
    return [(user, item, str(rating), str(START + time)) for item, rating, time in events]


def seen_only(warehouse: Warehouse, fit: str) -> list[tuple[str, str]]:
    return warehouse.query("fit_seen_only", parts=list(HISTORY_OF_FIT[fit])).rows()


def load_and_split(warehouse: Warehouse, rows: list[Row], protocol: str) -> None:
    items = [("item_id", "title"), *((str(n), f"Title {n}") for n in range(1, 21))]
    load_rows(warehouse, [EVENT, *rows], items, RATED)
    split_interactions(warehouse, Data.model_validate({"protocol": protocol}), 0)


TEN = rated("a", *((str(n), 5, 10 * n) for n in range(1, 11)))  # 1 to 8 are train, 9 validation, 10 test
LOW = rated("a", ("11", 1, 5), ("12", 1, 85), ("13", 1, 90), ("14", 1, 95), ("15", 1, 100), ("16", 1, 200))


@pytest.mark.parametrize("protocol", ["temporal_user", "leave_one_out", "temporal_global"])
def test_a_fit_knows_what_was_seen_before_all_that_it_holds_back(warehouse: Warehouse, protocol: str) -> None:
    load_and_split(warehouse, [*TEN, *LOW], protocol)
    assert seen_only(warehouse, "train") == [("a", "11"), ("a", "12")]
    assert seen_only(warehouse, "train_validation") == [("a", str(n)) for n in (11, 12, 13, 14)]
    assert seen_only(warehouse, "all") == [("a", str(n)) for n in range(11, 17)]


def test_only_a_cut_of_the_whole_log_is_one_for_those_of_whom_nothing_is_held_back(
    warehouse: Warehouse,
) -> None:
    others = rated("b", ("1", 5, 1), ("2", 1, 96))
    load_and_split(warehouse, [*TEN, *others], "temporal_user")
    assert seen_only(warehouse, "train") == [("b", "2")]
    load_and_split(warehouse, [*TEN, *others], "temporal_global")
    assert (seen_only(warehouse, "train"), seen_only(warehouse, "train_validation")) == ([], [("b", "2")])


def test_a_later_low_rating_takes_interest_back_once_a_fit_knows_of_it(warehouse: Warehouse) -> None:
    rows = [*TEN, *rated("a", ("1", 1, 86), ("2", 1, 15), ("3", 1, 95))]
    load_and_split(warehouse, rows, "temporal_user")
    liked = {
        fit: set(warehouse.query("fit_interactions", protocol="temporal_user", parts=list(parts))["item_id"])
        for fit, parts in HISTORY_OF_FIT.items()
    }
    everything = {str(n) for n in range(1, 11)}
    assert liked["train"] == everything - {"1", "9", "10"}
    assert liked["train_validation"] == everything - {"1", "3", "10"}
    assert liked["all"] == everything - {"1", "3"}
    assert {("a", "1"), ("a", "3")} <= set(seen_only(warehouse, "all"))


def test_an_amount_takes_nothing_back(warehouse: Warehouse) -> None:
    rows = rated("a", ("1", 5, 1), ("1", -5, 2), ("2", 5, 3))
    sold = RATED.interactions.model_copy(update={"value_is": "amount"})
    load_rows(warehouse, [EVENT, *rows], data=RATED.model_copy(update={"interactions": sold}))
    split_interactions(warehouse, Data(), 0)
    events = warehouse.query("fit_interactions", protocol="temporal_user", parts=list(HISTORY_OF_FIT["all"]))
    assert events["item_id"].to_list() == ["1", "2"]


def test_events_of_unknown_items_bring_them_in_whether_they_show_interest_or_not(
    warehouse: Warehouse,
) -> None:
    adding = RATED.interactions.model_copy(update={"unknown_items": "add"})
    rows = rated("a", ("1", 5, 1), ("new", 1, 2))
    load_rows(warehouse, [EVENT, *rows], data=RATED.model_copy(update={"interactions": adding}))
    assert "new" in warehouse.query("items")["item_id"]


def dislikes(folder: Path, keys: str, typed: bool = False) -> Path:
    """The case with some keys of [data.interactions]; types of events in the place of ratings."""
    folder = shutil.copytree(CASES / "dislikes", folder / "case")
    if typed:
        log = pl.read_csv(folder / "interactions.csv")
        names = {1: "like", 0: "view", -1: "dislike"}
        typed_log = log.with_columns(event=pl.col("rating").replace_strict(names)).drop("rating")
        typed_log.write_csv(folder / "interactions.csv")
    (folder / "polyrec.toml").write_text(
        'home = "state"\n[data]\nsource = "files"\n[data.items]\nfiles = ["items.csv"]\n'
        f'[data.interactions]\nfiles = ["interactions.csv"]\ntime = "timestamp"\n{keys}'
    )
    return folder / "polyrec.toml"


def test_values_of_0_and_below_are_interest_and_check_says_so(tmp_path: Path) -> None:
    found = checked(dislikes(tmp_path, 'value = "rating"\n'))
    (problem,) = found.problems
    assert problem.count == 26 and "counts as interest, since no min_value is set" in problem.reason
    assert (found.exit_code, found.as_json()["seen_only"]) == (1, 0)


def test_min_value_makes_dislikes_and_views_seen_only(tmp_path: Path) -> None:
    found = checked(dislikes(tmp_path, 'value = "rating"\nmin_value = 1\n')).as_json()
    assert (found["problems"], found["seen_only"]) == ([], 26)
    assert found["seen_only_reasons"] == [
        {"reason": "value 0 is below min_value = 1", "count": 14},
        {"reason": "value -1 is below min_value = 1", "count": 12},
    ]


def test_types_of_weight_0_are_seen_only(tmp_path: Path) -> None:
    keys = 'event = "event"\nevent_weights = {like = 3, view = 1, dislike = 0}\n'
    found = checked(dislikes(tmp_path, keys, typed=True)).as_json()
    assert (found["problems"], found["users"]) == ([], 14)
    assert found["seen_only_reasons"] == [{"reason": "event type 'dislike' has weight 0", "count": 12}]


@pytest.mark.parametrize("protocol", ["temporal_global", "temporal_user"])
def test_a_cut_of_the_whole_log_lets_nothing_later_into_a_fit(tmp_path: Path, protocol: str) -> None:
    folder = shutil.copytree(CASES / "time-leak", tmp_path / "case")
    (folder / "polyrec.toml").write_text(
        'home = "state"\n[data]\nsource = "files"\n[data.items]\nfiles = ["items.csv"]\n'
        '[data.interactions]\nfiles = ["interactions.csv"]\ntime = "timestamp"\n'
    )
    database = load_delivery(folder / "polyrec.toml")
    with writing(database.parent, "a test") as warehouse:
        split_interactions(warehouse, Data.model_validate({"protocol": protocol}), 0)
        split = warehouse.frame("select * from core.splits")
    times = {part: rows["event_time"] for (part,), rows in split.group_by("part")}
    assert set(times) == {"train", "validation", "test"}
    leaks = times["train"].max() >= times["validation"].min()  # type: ignore[operator]
    assert leaks == (protocol == "temporal_user")
    if protocol == "temporal_global":
        assert times["validation"].max() < times["test"].min()  # type: ignore[operator]
    blocks = split.group_by("user_id", "event_time").agg(pl.col("part").n_unique())
    assert (blocks["part"] == 1).all()
