"""max_items and max_users: the same for every source of tables."""

import polars as pl
import pytest

from tasks.settings.data import Data, Interactions, Items
from tests.ingest.staged import Row, bad_rows, load_rows
from warehouse.connection import Warehouse

CATALOGUE: list[Row] = [("item_id", "title"), *((str(n), f"Item {n}") for n in range(1, 9))]
LOG: list[Row] = [
    ("user_id", "item_id"),
    ("", "1"),  # no user: takes nobody's place
    ("far", "8"),  # no event that is kept: takes nobody's place either
    (" a", "1"),
    ("a ", "2"),  # the same user as the one before
    ("b", "3"),
    ("b", "new"),
    ("c", "4"),
    ("d", "5"),
    ("e", "1"),
    ("a", "5"),
]


@pytest.mark.parametrize("unknown_items", ["quarantine", "add"])
def test_the_first_items_and_the_first_users_with_events(warehouse: Warehouse, unknown_items: str) -> None:
    events = Interactions.model_validate({"unknown_items": unknown_items})
    data = Data(source="files", interactions=events, max_items=5, max_users=4)
    users: list[Row] = [("user_id", "city"), ("e", "Ulm"), ("far", "Bonn"), ("d", "Köln")]
    searches: list[Row] = [("user_id", "query", "time"), ("a", "red", "5"), ("e", "blue", "6")]
    loaded = load_rows(warehouse, LOG, CATALOGUE, data, users=users, searches=searches)
    assert warehouse.query("items")["item_id"].to_list() == ["1", "2", "3", "4", "5"]
    assert warehouse.query("users")["user_id"].to_list() == ["a", "b", "c", "d"]
    assert warehouse.run("select user_id, query from core.searches") == [("a", "red")]
    found = [row[:2] for row in warehouse.query("interactions").sort("event_time").rows()]
    assert found == [("a", "1"), ("a", "2"), ("b", "3"), ("c", "4"), ("d", "5"), ("a", "5")]
    reasons = warehouse.query("quarantine_reasons").filter(kind="interactions").select("reason", "rows")
    assert sorted(reasons.rows()) == [
        ("item id is not in the catalogue", 1),
        ("item id left out by max_items", 1),
        ("user id is missing", 1),
        ("user id left out by max_users", 1),
    ]
    kept = bad_rows(warehouse).filter(pl.col("reason").str.contains("left out by max_"))
    assert kept.height == 3 + 1 + 1 + 2 + 1 and set(kept["content"]) == {"{}"}
    assert loaded.totals.select("kind", "used").sort("kind").rows() == [
        ("interactions", 6),
        ("items", 5),
        ("searches", 1),
        ("users", 1),
    ]


def test_a_catalogue_that_is_read_from_the_log(warehouse: Warehouse) -> None:
    rows: list[Row] = [LOG[0], *(row for row in LOG[1:] if row[0])]
    data = Data(source="files", items=Items(title="item_id"), max_items=5, max_users=4)
    load_rows(warehouse, rows, rows, data)
    assert warehouse.query("items")["item_id"].to_list() == ["1", "2", "3", "8", "new"]
    assert warehouse.query("users")["user_id"].to_list() == ["a", "b", "e", "far"]
