"""Ids that may be meant when nobody knows the one that was given."""

from collections.abc import Iterator

import polars as pl
import pytest

from tests.empty import with_warehouse
from warehouse.connection import Warehouse, writing
from warehouse.near import near

USERS = ["12", "123", "012", "-5", "o'brien", "Zo\u00eb", "Zoe\u0308", "a b", "1037", "customer-0001", "x"]
ITEMS = {"50": "Star Wars", "172": "The Empire Strikes Back", "r1": "Amelie", "_": "Stars of the West"}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with writing(with_warehouse(tmp_path_factory.mktemp("data")), "a test") as opened:
        opened.append("core.users", pl.DataFrame({"user_id": USERS}))
        items = pl.DataFrame({"item_id": list(ITEMS), "title": list(ITEMS.values())})
        empty = pl.lit([], dtype=pl.List(pl.String))
        opened.append("core.items", items.with_columns(content_hash="item_id", categories=empty))
        yield opened


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("1037.0", "'1037'"),
        ("01037", "'1037'"),
        (" 1037 ", "'1037'"),
        ("O'BRIEN", '"o\'brien"'),
        ("obrien", '"o\'brien"'),
        ("5", "'-5'"),
        ("a  b", "'a b'"),
        ("customer-1", "'customer-0001'"),
        ("Custoner-0001", "'customer-0001'"),
        ("custom", "'customer-0001'"),
        ("Z\u00f6e", "'Zo\u00eb'"),
    ],
)
def test_users(warehouse: Warehouse, typed: str, first: str) -> None:
    assert near(warehouse, "users", typed).startswith(f"near it: {first}")


def test_an_id_that_looks_the_same_is_written_out(warehouse: Warehouse) -> None:
    told = near(warehouse, "users", "zo\u00eb")
    assert r"'Zoe\u0308'" in told and "'Zo\u00eb'" in told


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("star wars", "near it: '50' (Star Wars)"),
        ("Amélie", "near it: 'r1' (Amelie)"),
        ("star", "near it: '50' (Star Wars), '_' (Stars of the West)"),
        ("Empire", "near it: '172' (The Empire Strikes Back)"),
        ("050", "near it: '50' (Star Wars)"),
        ("R1", "near it: 'r1' (Amelie)"),
    ],
)
def test_items_by_id_and_title(warehouse: Warehouse, typed: str, told: str) -> None:
    assert near(warehouse, "items", typed) == told


@pytest.mark.parametrize("typed", ["", "0", "q", "nobody at all", "%", "'; drop table core.users; --"])
def test_nothing_is_near(warehouse: Warehouse, typed: str) -> None:
    for kind in ("users", "items"):
        assert near(warehouse, kind, typed) == "see the ids with `polyrec export`"
