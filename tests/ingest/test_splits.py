"""Every protocol: known toys, a plain second implementation, whole tie blocks, any order of rows."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tasks.ingest.movielens import read_movielens
from tasks.ingest.splits import COLUMNS, hash_of_sorted, split_interactions
from tasks.items.recommendable import recommendable_items
from tasks.run.fingerprint import fingerprint
from tasks.settings import Settings
from tasks.settings.data import Catalogue, Data, Protocol
from tests.examples import examples
from warehouse.columns import HISTORY_OF_FIT, PARTS_OF_FIT
from warehouse.connection import Warehouse, writing

PROTOCOLS = get_args(Protocol)
KEYS = ["user_id", "item_id", "event_time"]
SCHEMA = {"user_id": pl.String, "item_id": pl.String, "event_time": pl.Int64}
Event = tuple[str, str, int]
Cut = Callable[..., dict[Event, str]]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse that every test fills anew: opening one takes longer than a test."""
    with writing(tmp_path_factory.mktemp("splits"), "a test") as opened:
        yield opened


def fill(warehouse: Warehouse, events: pl.DataFrame, items: list[str] | None = None) -> None:
    """Put events, their users and their items (or those named) in the place of what is there."""
    items = sorted(set(events["item_id"])) if items is None else items
    rows = {"item_id": pl.Series(items, dtype=pl.String)}
    columns = {
        "title": pl.lit("A title"),
        "categories": pl.lit([], pl.List(pl.String)),
        "content_hash": pl.lit("h"),
    }
    warehouse.replace("core.items", pl.DataFrame(rows).with_columns(**columns))
    warehouse.replace("core.users", events.select("user_id").unique())
    valued = events if "value" in events.columns else events.with_columns(value=pl.lit(1.0))
    warehouse.replace("core.interactions", valued)


def parts(warehouse: Warehouse) -> dict[Event, str]:
    protocol = warehouse.query("split_parts")["protocol"].unique().item()
    found = warehouse.query("fit_interactions", protocol=protocol, parts=list(PARTS_OF_FIT["all"]))
    return {(user, item, time): part for user, item, _, time, part in found.rows()}


@pytest.fixture
def cut(warehouse: Warehouse) -> Cut:
    """Split rows of user, item and time; event to part, in the order of user, time and item."""

    def run(rows: list[Event], protocol: str, seed: int = 0, **data: Any) -> dict[Event, str]:
        fill(warehouse, pl.DataFrame(rows, schema=SCHEMA, orient="row"))
        split_interactions(warehouse, Data.model_validate({"protocol": protocol, **data}), seed)
        return parts(warehouse)

    return run


def history(times: list[int], user: str = "a") -> list[Event]:
    return [(user, f"{number:03d}", time) for number, time in enumerate(times)]


class TestToys:
    """Known answers, in the order of time."""

    @pytest.mark.parametrize(
        ("times", "counts"),
        [
            (list(range(10)), (8, 1, 1)),
            (list(range(20)), (16, 2, 2)),
            ([5], (1, 0, 0)),
            ([5, 6], (2, 0, 0)),  # too few to hold anything back
            ([5, 6, 7], (1, 1, 1)),
            ([0, 1, 2, 3, 4], (3, 1, 1)),
            (list(range(9)), (7, 1, 1)),
            ([0, 1, 2, 2, 2], (1, 1, 3)),  # blocks, not events
            ([0, 0, 0, 1, 1, 2], (3, 2, 1)),
            ([0, 0, 1], (2, 0, 1)),  # of two blocks the first is train
            ([0, 1, 1, 1], (1, 0, 3)),
            ([4] * 9, (9, 0, 0)),
            ([0, 1, 2, 3, 4, 5, 6, 7, 7, 9], (9, 0, 1)),  # the tie begins in train
            ([0, 1, 2, 3, 4, 5, 6, 7, 8, 8], (8, 2, 0)),  # the tie begins in validation
            ([3] * 10, (10, 0, 0)),
            ([0] + [1] * 9, (10, 0, 0)),
        ],
    )
    def test_temporal_user(self, cut: Cut, times: list[int], counts: tuple[int, int, int]) -> None:
        train, validation, test = counts
        expected = ["train"] * train + ["validation"] * validation + ["test"] * test
        assert list(cut(history(times), "temporal_user").values()) == expected

    def test_temporal_user_looks_at_one_user_at_a_time(self, cut: Cut) -> None:
        alone = cut(history(list(range(10))), "temporal_user")
        both = cut(history(list(range(10))) + history([100, 200], user="b"), "temporal_user")
        assert {event: part for event, part in both.items() if event[0] == "a"} == alone

    def test_temporal_global_looks_at_the_whole_log(self, cut: Cut) -> None:
        rows = [*history(list(range(8))), ("b", "x", 8), ("b", "y", 8), ("c", "x", 9)]
        found = cut(
            rows, "temporal_global"
        )  # 11 events: position 8 of 11 is below 0.8, position 10 above 0.9
        assert Counter(found.values()) == {"train": 10, "test": 1}
        assert found["c", "x", 9] == "test"
        found = cut([*history(list(range(8))), ("b", "x", 8), ("c", "y", 9)], "temporal_global")
        assert (found["b", "x", 8], found["c", "y", 9]) == ("validation", "test")

    @pytest.mark.parametrize(
        ("times", "letters"),
        [
            ([0, 1, 2, 3], "ttve"),
            ([0, 1], "ve"),
            ([0], "e"),
            ([0, 1, 2, 2], "ttvv"),  # the block's first event is the last but one
            ([0, 1, 1, 2], "ttte"),  # that block begins before it
            ([0, 1, 1, 1], "tttt"),
            ([7, 7], "vv"),
        ],
    )
    def test_leave_one_out(self, cut: Cut, times: list[int], letters: str) -> None:
        names = {"t": "train", "v": "validation", "e": "test"}
        found = cut(history(times), "leave_one_out")
        assert list(found.values()) == [names[letter] for letter in letters]

    def test_stratified_item_has_the_same_shares_of_every_item(self, cut: Cut) -> None:
        rows = [(f"u{user}", item, 100 * user + at) for user in range(16) for at, item in enumerate("xyz")]
        found = cut(rows, "stratified_item")  # no ties: shares are exact
        for item in "xyz":
            of_item = Counter(part for event, part in found.items() if event[1] == item)
            assert of_item == {"train": 9, "validation": 3, "test": 4}  # 75% of 16 is 12, of which 75% is 9

    def test_ties_are_cut_only_to_compare_with_published_figures(self, cut: Cut) -> None:
        rows = [(f"u{user}", item, user) for user in range(16) for item in "xyz"]
        for whole in (True, False):
            found = cut(rows, "stratified_item", whole_ties=whole)
            parts = [{found[row] for row in rows if row[0] == f"u{user}"} for user in range(16)]
            assert all(len(of_user) == 1 for of_user in parts) == whole
        for item in "xyz":
            of_item = Counter(part for event, part in found.items() if event[1] == item)
            assert of_item == {"train": 9, "validation": 3, "test": 4}
        with pytest.raises(ValidationError, match="only, not 'temporal_user'; take it out"):
            Data(whole_ties=False)

    def test_cold_item(self, cut: Cut, warehouse: Warehouse) -> None:
        rows = [(f"u{user}", f"i{(user + at) % 10}", at) for user in range(10) for at in range(10)]
        rows += [("short", f"i{at}", at) for at in range(5)]
        base = cut(rows, "temporal_user")
        all_cold: list[str] = []
        for draw in range(5):
            found = cut(rows, "cold_item", draw=draw)
            cold = {event[1] for event, part in found.items() if part == "test"}
            assert len(cold) == 2  # 20% of 10
            for event, part in found.items():
                kept = (base[event] == "test") == (event[1] in cold)
                assert part == (base[event] if kept else "unused")
            config = Settings(data=Data(protocol="cold_item", draw=draw))
            items = warehouse.query("items")["item_id"]
            for fit in ("train", "all"):
                assert recommendable_items(warehouse, config, fit).all()
            assert set(items.filter(recommendable_items(warehouse, config, "train_validation"))) == cold
            all_cold += sorted(cold)
        assert sorted(all_cold) == sorted({event[1] for event in rows})  # each is cold once

    @pytest.mark.parametrize("given_events", [1, 2, 5])
    def test_cold_user(self, cut: Cut, given_events: int) -> None:
        rows = [event for user in range(25) for event in history(list(range(7)), user=f"u{user:02d}")]
        found = cut(rows, "cold_user", given_events=given_events)
        by_user: dict[str, list[str]] = defaultdict(list)
        for event, part in found.items():
            by_user[event[0]].append(part)
        later = Counter(of_user[-1] for of_user in by_user.values())
        assert later == {"test": 5, "validation": 4, "train": 16}  # 20% of 25, and of the other 20
        for of_user in by_user.values():
            if of_user[-1] == "train":
                assert of_user == ["train"] * 7
            else:
                assert of_user == ["given"] * given_events + [of_user[-1]] * (7 - given_events)

    def test_cold_user_gives_whole_blocks(self, cut: Cut) -> None:
        rows = [event for user in range(5) for event in history([0, 1, 1, 1, 2], user=f"u{user}")]
        found = cut(rows, "cold_user", given_events=2)
        (unseen,) = {event[0] for event, part in found.items() if part == "test"}
        of_user = [part for event, part in found.items() if event[0] == unseen]
        assert of_user == ["given"] * 4 + ["test"]


rows_of_events = st.lists(
    st.tuples(st.sampled_from("abcdefg"), st.sampled_from("stuvwxyz"), st.integers(0, 6)),
    min_size=1,
    max_size=60,
    unique=True,
)
quick = settings(
    max_examples=examples(28),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def of_short(event: Event, history: list[Event]) -> str:
    """The part of an event of a user with fewer than 10."""
    blocks = sorted({row[2] for row in history})
    if len(history) < 3 or event[2] == blocks[0]:
        return "train"
    return {blocks[-1]: "test", blocks[-2]: "validation"}.get(event[2], "train")


def plainly(rows: list[Event], protocol: str) -> dict[Event, str] | None:
    """The parts by the words of the rule, event by event; None for a protocol that draws."""
    out = {}
    per_user = Counter(row[0] for row in rows)
    for event in rows:
        if protocol == "temporal_user" and per_user[event[0]] < 10:
            out[event] = of_short(event, [row for row in rows if row[0] == event[0]])
            continue
        log = [row for row in rows if row[0] == event[0] or protocol == "temporal_global"]
        position, n = sum(row[2] < event[2] for row in log), len(log)
        if protocol in ("temporal_user", "temporal_global"):
            out[event] = (
                "train" if 10 * position < 8 * n else "validation" if 10 * position < 9 * n else "test"
            )
        elif protocol == "leave_one_out":
            out[event] = {n - 1: "test", n - 2: "validation"}.get(position, "train")
        else:
            return None
    return out


@pytest.mark.parametrize("protocol", PROTOCOLS)
class TestEvery:
    """What holds for all protocols and any log."""

    @quick
    @given(rows=rows_of_events, seed=st.integers(0, 99), order=st.randoms())
    def test_complete_whole_and_of_no_order(
        self, cut: Cut, protocol: str, rows: list[Event], seed: int, order: Any
    ) -> None:
        found = cut(rows, protocol, seed)
        assert set(found) == set(rows)
        assert (expected := plainly(rows, protocol)) is None or found == expected
        blocks = defaultdict(set)
        for (user, item, time), part in found.items():
            # Cold items are taken out of blocks, as the protocol says; what is left of them stays whole.
            blocks[user, time].add("" if protocol == "cold_item" and part == "unused" else part)
            assert item in {row[1] for row in rows}
        assert all(len(of_block - {""}) == 1 or of_block == {""} for of_block in blocks.values())
        shuffled = list(rows)
        order.shuffle(shuffled)
        assert cut(shuffled, protocol, seed) == found

    def test_a_seed_decides_where_something_is_drawn(self, cut: Cut, protocol: str) -> None:
        events = read_movielens(max_users=60, max_items=60).interactions.select(KEYS).rows()
        one, again, other = (cut(events, protocol, seed) for seed in (1, 1, 2))
        assert one == again
        assert (one != other) == (protocol in ("stratified_item", "cold_item", "cold_user"))

    def test_hash_is_of_the_parts_and_no_other_protocol_stays(
        self, warehouse: Warehouse, protocol: str
    ) -> None:
        events = read_movielens(max_users=40, max_items=60).interactions.select(KEYS)
        fill(warehouse, events)
        data = Data.model_validate({"protocol": protocol})
        hashed = split_interactions(warehouse, data, 0)
        fill(warehouse, events.sample(fraction=1.0, shuffle=True, seed=1))
        assert split_interactions(warehouse, data, 0) == hashed
        assert set(warehouse.query("split_parts").select("protocol", "split_hash").rows()) == {
            (protocol, hashed)
        }
        fill(warehouse, events[1:])
        assert split_interactions(warehouse, data, 0) != hashed
        restricted = warehouse.query(
            "recommendable", protocol="cold_item", parts=[], min_interactions=0, for_test=True
        )
        assert restricted["recommendable"].all() == (protocol != "cold_item")

    @pytest.mark.parametrize("min_interactions", [0, 3])
    @pytest.mark.parametrize("change", ["deleted", "permuted"])
    def test_fit_train_reads_nothing_that_is_held_back(
        self, warehouse: Warehouse, protocol: str, change: str, min_interactions: int
    ) -> None:
        """The leak test without the models: all that stages read of the log for fit `train`."""
        events = read_movielens(max_users=60, max_items=80).interactions.drop("line")
        fill(warehouse, events)
        config = Settings(
            data=Data.model_validate({"protocol": protocol}),
            catalogue=Catalogue(min_interactions=min_interactions),
        )
        split_interactions(warehouse, config.data, 0)
        before = what_is_read(warehouse, config, "train")
        other = what_is_read(warehouse, config, "train_validation")
        split = warehouse.query("fit_interactions", protocol=protocol, parts=list(PARTS_OF_FIT["all"]))
        known = split.filter(pl.col("part").is_in(HISTORY_OF_FIT["train"]))
        held = split.filter(~pl.col("part").is_in(HISTORY_OF_FIT["train"]))
        assert held.height > 50
        if change == "deleted":
            held = held.clear()
        else:
            held = held.with_columns(
                item_id=held["item_id"].gather(np.random.default_rng(0).permutation(held.height))
            )
        rows = pl.concat([known, held]).unique(KEYS, keep="first", maintain_order=True)
        warehouse.replace("core.interactions", rows.drop("part"))
        marked = rows.select(*KEYS, "part", protocol=pl.lit(protocol), split_hash=pl.lit("changed"))
        warehouse.replace("core.splits", marked)
        assert what_is_read(warehouse, config, "train") == before
        assert what_is_read(warehouse, config, "train_validation") != other


def what_is_read(warehouse: Warehouse, config: Settings, fit: str) -> str:
    protocol = config.data.protocol
    events = warehouse.query("fit_interactions", protocol=protocol, parts=list(HISTORY_OF_FIT[fit]))
    allowed = recommendable_items(warehouse, config, fit).tolist()
    return fingerprint(events, allowed, warehouse.query("items"), warehouse.query("users"))


@pytest.mark.parametrize("protocol", ["temporal_user", "temporal_global", "leave_one_out", "cold_user"])
def test_other_items_later_leave_the_cut_as_it_was(cut: Cut, protocol: str) -> None:
    """Where time and users decide, not items, cutting again after a change of held items is safe too."""
    rows = read_movielens(max_users=60, max_items=80).interactions.select(KEYS).rows()
    found = cut(rows, protocol)
    changed = [
        event if part in ("train", "given") else (event[0], f"new {at}", event[2])
        for at, (event, part) in enumerate(found.items())
    ]
    again = cut(changed, protocol)
    assert [again[event] for event in changed] == list(found.values())


def test_real_blocks_are_common_and_whole_and_the_hash_is_as_ever(warehouse: Warehouse) -> None:
    delivery = read_movielens()
    fill(warehouse, delivery.interactions.drop("line"))
    assert split_interactions(warehouse, Data(), 0) == "4c44360462f648bb"
    counts = dict(warehouse.query("split_parts").select("part", "interactions").rows())
    assert counts == {"train": 81_494, "validation": 9_857, "test": 8_649}
    split = warehouse.query("fit_interactions", protocol="temporal_user", parts=list(PARTS_OF_FIT["all"]))
    per_block = split.group_by("user_id", "event_time").agg(pl.col("part").n_unique())
    assert per_block["part"].max() == 1
    assert per_block.height < 0.6 * split.height  # so that the line above says something


def test_rules_of_the_catalogue(warehouse: Warehouse) -> None:
    rows = [("a", "1", 0), ("b", "1", 0), ("c", "2", 5), ("a", "3", 1), ("b", "3", 1)]
    fill(warehouse, pl.DataFrame(rows, schema=SCHEMA, orient="row"), items=["1", "2", "3", "4"])
    split_interactions(warehouse, Data(), 0)
    items = pl.DataFrame({"item_id": ["1", "2", "3", "4"], "active": [True, True, False, True]})
    items = items.with_columns(allowed=pl.Series([True, None, True, False]))
    full = {"title": pl.lit("t"), "categories": pl.lit([], pl.List(pl.String)), "content_hash": pl.lit("h")}
    warehouse.replace("core.items", items.with_columns(**full))
    assert recommendable_items(warehouse, Settings(), "all").tolist() == [True, True, False, False]
    frequent = Settings(catalogue=Catalogue(min_interactions=2))
    assert recommendable_items(warehouse, frequent, "all").tolist() == [True, False, False, False]


def test_a_warehouse_of_before_keeps_its_split(tmp_path: Path) -> None:
    """The table of splits is made anew by a migration."""
    import duckdb

    from warehouse.migrate import MIGRATIONS, migrate

    earlier = tmp_path / "earlier"
    earlier.mkdir()
    for path in sorted(MIGRATIONS.glob("m*.sql")):
        if path.name < "m004":
            (earlier / path.name).write_bytes(path.read_bytes())
    connection = duckdb.connect()
    migrate(connection, earlier)
    connection.execute("insert into core.splits values ('temporal_user', 's', 'a', '1', 3, 'train')")
    migrate(connection)
    found = connection.execute("select * from core.splits").fetchall()
    assert found == [("temporal_user", "s", "a", "1", 3, "train")]
    connection.execute("insert into core.splits values ('cold_user', 's', 'a', '1', 3, 'given')")


def test_frames_of_the_log_come_with_their_part(cut: Cut, warehouse: Warehouse) -> None:
    cut(history(list(range(10))), "temporal_user")
    held = warehouse.query("fit_interactions", protocol="temporal_user", parts=["validation", "test"])
    expected = pl.DataFrame({"item_id": ["008", "009"], "part": ["validation", "test"]})
    assert_frame_equal(held.select("item_id", "part"), expected)


ids = st.one_of(st.text(min_size=1, max_size=5), st.sampled_from(["a", "it's", "b\\", "é"]))
names_of_parts = st.sampled_from(["train", "validation", "test", "given", "unused"])


@settings(deadline=None)
@given(st.lists(st.tuples(ids, ids, st.integers(0, 9), names_of_parts), max_size=30))
def test_hash_in_batches_is_that_of_rows_as_python_writes_them(rows: list[tuple[str, str, int, str]]) -> None:
    rows.sort()
    split = pl.DataFrame(rows, schema=list(COLUMNS), orient="row") if rows else pl.DataFrame()
    batches = [split.slice(start, 4) for start in range(0, split.height, 4)]
    assert hash_of_sorted(batches) == blake2b("".join(map(repr, rows)).encode(), digest_size=8).hexdigest()
