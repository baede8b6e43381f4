"""Loading again: what is added, updated, deactivated, and when a delivery is not believed."""

import pytest

from tasks.settings import Settings
from tasks.settings.data import Data, Interactions, Items
from tests.ingest.staged import Row, bad_rows, load_rows
from warehouse.connection import Warehouse
from warehouse.errors import SourceError

DATA = Data(source="files", items=Items(active="on"), interactions=Interactions(time="time", value="value"))
EVENTS: list[Row] = [
    ("user_id", "item_id", "value", "time"),
    ("a", "1", "5", "1000"),
    ("a", "2", "4", "1001"),
    ("b", "3", "3", "1002"),
]


def items(*rows: Row) -> list[Row]:
    return [("item_id", "title", "on"), *rows]


TEN = [(str(n), f"Item {n}", "1") for n in range(1, 11)]


def changes(counts: dict[str, float], of: str) -> dict[str, float]:
    return {name.removeprefix(of): n for name, n in counts.items() if name.startswith(of) and n}


def test_items_are_updated_added_deactivated_and_come_back(warehouse: Warehouse) -> None:
    first = load_rows(warehouse, EVENTS, items(*TEN), DATA)
    assert changes(first.counts, "items_") == {"added": 10}
    before = dict(warehouse.run("select item_id, content_hash from core.items"))
    second = items(("1", "Renamed", "1"), *TEN[1:8], ("9", "Item 9", "0"), ("11", "New", "1"))
    loaded = load_rows(warehouse, EVENTS, second, DATA)
    assert changes(loaded.counts, "items_") == {"added": 1, "updated": 1, "deactivated": 2, "unchanged": 7}
    inactive = warehouse.run("select item_id from core.items where not active order by 1")
    assert inactive == [("10",), ("9",)]
    after = dict(warehouse.run("select item_id, content_hash from core.items"))
    assert {item for item in before if before[item] != after[item]} == {"1"}
    loaded = load_rows(warehouse, EVENTS, items(*TEN, ("11", "New", "1")), DATA)
    assert changes(loaded.counts, "items_") == {"updated": 1, "reactivated": 2, "unchanged": 8}


def test_events_are_appended_and_corrected(warehouse: Warehouse) -> None:
    load_rows(warehouse, EVENTS, items(*TEN), DATA)
    again = [EVENTS[0], ("a", "1", "5", "1000"), ("a", "2", "1", "1001"), ("c", "2", "2", "1003")]
    loaded = load_rows(warehouse, again, items(*TEN), DATA)
    assert changes(loaded.counts, "interactions_") == {"added": 1, "updated": 1, "unchanged": 1}
    assert warehouse.query("interactions").rows() == [
        ("a", "1", 5.0, 1000),
        ("a", "2", 1.0, 1001),
        ("b", "3", 3.0, 1002),
        ("c", "2", 2.0, 1003),
    ]


def everything(warehouse: Warehouse) -> list[object]:
    tables = ("core.items", "core.users", "core.interactions", "quarantine.rows", "ops.ingest_counts")
    return [sorted(map(repr, warehouse.run(f"from {table}"))) for table in tables]


@pytest.mark.parametrize(
    ("delivered_events", "delivered_items", "message"),
    [
        (EVENTS, items(*TEN[:7]), "would deactivate 3 of 10 items, more than max_removed_share = 0.2"),
        (EVENTS, items(), "no items that can be used were delivered, where there are 10"),
        (EVENTS[:1], items(*TEN), "no interactions that can be used were delivered, where there are 3"),
    ],
)
def test_a_broken_delivery_is_not_believed_unless_forced(
    warehouse: Warehouse, delivered_events: list[Row], delivered_items: list[Row], message: str
) -> None:
    load_rows(warehouse, EVENTS, items(*TEN), DATA)
    before = everything(warehouse)
    with pytest.raises(SourceError, match=message) as caught:
        load_rows(warehouse, delivered_events, delivered_items, DATA)
    assert "`polyrec run --force`" in str(caught.value) and "nothing was written" in str(caught.value)
    assert everything(warehouse) == before
    forced = Settings(data=Data(force=True))
    load_rows(warehouse, delivered_events, delivered_items, DATA, forced)
    assert everything(warehouse) != before
    assert len(warehouse.query("interactions")) == 3  # histories stay


def test_exactly_the_share_that_may_go_may_go(warehouse: Warehouse) -> None:
    load_rows(warehouse, EVENTS, items(*TEN), DATA)
    loaded = load_rows(warehouse, EVENTS, items(*TEN[:8]), DATA)
    assert loaded.counts["items_deactivated"] == 2


def test_a_forgotten_person_does_not_come_back_and_is_not_kept_in_quarantine(warehouse: Warehouse) -> None:
    hashed = "insert into ops.forgotten select sha256('salt' || 'a'), 'salt', now()"
    warehouse.run(hashed)
    users: list[Row] = [("user_id", "city"), ("a", "Bonn")]
    loaded = load_rows(warehouse, EVENTS, items(*TEN), DATA, users=users)
    assert warehouse.run("select user_id from core.users") == [("b",)]
    kept = bad_rows(warehouse).select("kind", "reason", "content").unique().sort("kind").rows()
    assert kept == [(kind, "user id was forgotten on request", "{}") for kind in ("interactions", "users")]
    assert loaded.counts["quarantined"] == 3
