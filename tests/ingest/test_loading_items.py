"""The catalogue: titles, years, categories, content, duplicates, and what may be content."""

import json

import pytest

from tasks.ingest.content import content_hash
from tasks.items.item import Item
from tasks.settings import Settings
from tasks.settings.data import Catalogue, Data, Interactions, Items
from tests.ingest.staged import Row, load_rows, merged_rows, quarantined
from warehouse.connection import Warehouse
from warehouse.errors import SettingsError

EVENTS = [("user_id", "item_id"), ("a", "1"), ("b", "1"), ("a", "2")]


def catalogue(warehouse: Warehouse, rows: list[Row], items: Items, columns: str) -> list[tuple[object, ...]]:
    load_rows(warehouse, EVENTS, rows, Data(source="files", items=items))
    return warehouse.run(f"select {columns} from core.items order by item_id")


@pytest.mark.parametrize(
    ("delivered", "title", "year"),
    [
        ("Toy Story (1995)", "Toy Story", 1995),
        ("Rome (2005-2007) ", "Rome", 2005),
        ("Rome (2005–)", "Rome", 2005),
        ("Seven (Se7en) (1995)", "Seven (Se7en)", 1995),
        ("2001: A Space Odyssey", "2001: A Space Odyssey", None),
        ("(1984)", "(1984)", None),
        ("A\x00B\u200b  \n<b>C</b>", "A B <b>C</b>", None),
    ],
)
def test_years_in_titles(warehouse: Warehouse, delivered: str, title: str, year: int | None) -> None:
    rows: list[Row] = [("item_id", "title"), ("1", delivered)]
    assert catalogue(warehouse, rows, Items(year_in_title=True), "title, year") == [(title, year)]


@pytest.mark.parametrize(
    ("delivered", "found"),
    [
        ("Crime|Drama| Crime ||", ["Crime", "Drama"]),
        ('["Crime", "Film \\u2013 Noir"]', ["Crime", "Film – Noir"]),
        ("['Crime', 'Drama']", ["Crime", "Drama"]),
        ("", []),
        (None, []),
        ("[]", []),
        ("(no genres listed)", []),
        ("(None)|(Not a Film)|(500) Days", ["(500) Days"]),
    ],
)
def test_categories(warehouse: Warehouse, delivered: str | None, found: list[str]) -> None:
    rows: list[Row] = [("item_id", "title", "kinds"), ("1", "Heat", delivered)]
    assert catalogue(warehouse, rows, Items(categories="kinds"), "categories") == [(found,)]


@pytest.mark.parametrize(
    ("duplicates", "title"), [("first", "Mug, red"), ("last", "damaged"), ("most_common", "MUG")]
)
def test_duplicates(warehouse: Warehouse, duplicates: str, title: str) -> None:
    named = ["Mug, red", "MUG", "MUG", "damaged"]
    rows: list[Row] = [("item_id", "title"), *(("1", name) for name in named), ("1", " "), (None, "x")]
    items = Items.model_validate({"duplicates": duplicates})
    assert catalogue(warehouse, rows, items, "title") == [(title,)]
    assert merged_rows(warehouse).filter(kind="items").height == 3
    assert quarantined(warehouse, "items") == [
        (6, "title", "title is missing"),
        (7, "item_id", "item id is missing"),
    ]


def test_content_and_attributes(warehouse: Warehouse) -> None:
    rows: list[Row] = [
        ("item_id", "title", "maker", "price", "on sale"),
        ("1", "Mug", "Acme\nLtd", "3", "no"),
        ("2", "Cup", "", "", "yes"),
        ("3", "Jar", "", "", "perhaps"),
    ]
    items = Items(content=("maker",), active="on sale")
    found = catalogue(warehouse, rows, items, "content, attributes, active")
    assert found == [('{"maker":"Acme Ltd"}', '{"price":"3"}', False), ("{}", "{}", True)]
    assert [row[1] for row in quarantined(warehouse, "items")] == ["on sale"]


def test_a_log_that_is_the_catalogue_too_leaves_people_out_of_attributes(warehouse: Warehouse) -> None:
    rows: list[Row] = [("user_id", "item_id", "title", "price"), ("a", "1", "Mug", "3")]
    files = ("sales.csv",)
    data = Data(source="files", items=Items(files=files), interactions=Interactions(files=files))
    load_rows(warehouse, rows, rows, data)
    ((attributes,),) = warehouse.run("select attributes from core.items")
    assert json.loads(attributes) == {"price": "3"}


def test_hash_is_of_content_alone(warehouse: Warehouse) -> None:
    rows: list[Row] = [("item_id", "title", "note", "text"), ("1", "Heat", "x", "A heist.")]
    assert catalogue(warehouse, rows, Items(), "content_hash") == [(content_hash(Item("Heat", None, [])),)]
    described = content_hash(Item("Heat", None, [], "A heist."))
    assert catalogue(warehouse, rows, Items(description="text"), "content_hash") == [(described,)]
    noted = content_hash(Item("Heat", None, [], None, '{"note":"x"}'))
    assert catalogue(warehouse, rows, Items(content=("note",)), "content_hash") == [(noted,)]
    assert len({content_hash(Item("Heat", None, [])), described, noted}) == 3


def computed(warehouse: Warehouse, column: str, values: list[str]) -> None:
    n = len(values)
    rows: list[Row] = [("item_id", "title", column), *((f"{i}", f"Item {i}", values[i]) for i in range(n))]
    events: list[Row] = [
        ("user_id", "item_id"),
        *((f"u{e}", f"{i}") for i in range(n) for e in range(i % 30 + 1)),
    ]
    load_rows(warehouse, events, rows, Data(source="files", items=Items(content=(column,))))


def test_content_that_goes_along_with_interactions_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(SettingsError, match="'size' holds numbers that go along with the number of events"):
        computed(warehouse, "size", [str(1000 - i % 30) for i in range(60)])
    with pytest.raises(SettingsError, match="'nRatings' holds numbers and is named like a count"):
        computed(warehouse, "nRatings", [str(i * 7 % 11) for i in range(60)])
    assert warehouse.run("select count(*) from core.items") == [(0,)]
    computed(warehouse, "size", [str(i * 7 % 11) for i in range(60)])
    warehouse.run("delete from core.items")
    computed(warehouse, "rating", ["PG-13", "R", "G"] * 20)
    assert warehouse.run("select count(*) from core.items") == [(60,)]


def test_rules_of_the_catalogue(warehouse: Warehouse) -> None:
    rows: list[Row] = [("item_id", "title", "kinds"), ("1", "A", "x|y"), ("2", "B", "z"), ("3", "C", "x")]
    data = Data(source="files", items=Items(categories="kinds"))

    def allowed(**rules: object) -> list[str]:
        settings = Settings(catalogue=Catalogue.model_validate(rules))
        load_rows(warehouse, EVENTS, rows, data, settings)
        return [row[0] for row in warehouse.run("select item_id from core.items where allowed order by 1")]

    assert allowed(blocked=["2"]) == ["1", "3"]
    assert allowed(excluded_categories=["y"]) == ["2", "3"]
    assert allowed(min_interactions=2) == ["1", "2", "3"]  # that one counts the events of a fit
    assert allowed() == ["1", "2", "3"]
