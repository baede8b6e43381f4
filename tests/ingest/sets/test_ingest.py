"""From a publisher to core tables: every built-in set is staged, validated and loaded like any files."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tasks.ingest.sets.get import get
from tasks.ingest.steps import load_core
from tasks.run.stage import StageRun
from tasks.settings import Settings
from tasks.settings.data import Also, Data, Items
from tests.ingest.sets.publisher import META, REVIEW, Publisher, archive, lines
from tests.ingest.sets.test_get import FETCHED
from tests.ingest.staged import bad_rows
from warehouse.connection import Warehouse, writing
from warehouse.errors import SourceError

Totals = dict[str, tuple[int, int, int, int]]

CONTENT = {
    "ml-1m.zip": archive(
        **{
            "ml-1m__movies_dot_dat": "1::Misérables, Les (1995)::Drama|Musical\n2::Ran (1985)::War\n".encode(
                "latin-1"
            ),
            "ml-1m__ratings_dot_dat": "1::1::5::978300760\n1::9::4::978300761\n2::2::3::978300762\n",
            "ml-1m__users_dot_dat": "1::F::1::10::48067\n2::M::56::16::70072\n",
        }
    ),
    "ml-latest-small.zip": archive(
        **{
            "ml-latest-small__movies_dot_csv": (
                'movieId,title,genres\n1,"Enfer, L\' (1994)",Drama|War\n2,Ran (1985),(no genres listed)\n'
            ),
            "ml-latest-small__ratings_dot_csv": (
                "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,1,bad,964982704\n2,2,0.5,964982705\n"
            ),
        }
    ),
    "books.csv": (
        "book_id,authors,original_publication_year,title,average_rating,ratings_count\n"
        '1,"J.K. Rowling, Mary GrandPré",1997.0,Harry,4.4,9\n2,Plato,-380.0,Republic,3.9,8\n3,Anon,,,1.0,1\n'
    ).encode(),
    "ratings.csv": b"user_id,book_id,rating\n1,2,5\n1,1,3\n2,3,4\n2,1\n",
    "meta_All_Beauty.jsonl.gz": lines(META, {"parent_asin": "B2", "title": "Comb", "description": []}),
    "All_Beauty.jsonl.gz": lines(REVIEW, REVIEW, REVIEW | {"parent_asin": "B9"}, REVIEW | {"user_id": "A2"}),
}
# Of each kind the rows in, used, quarantined and merged, and the folder and name of its file.
TOTALS: dict[str, dict[str, tuple[int, int, int, int, str]]] = {
    "movielens-1m": {
        "users": (2, 2, 0, 0, "movielens-1m/ users.dat"),
        "items": (2, 2, 0, 0, "movielens-1m/ movies.dat"),
        "interactions": (3, 2, 1, 0, "movielens-1m/ ratings.dat"),
    },
    "ml-latest-small": {
        "items": (2, 2, 0, 0, "ml-latest-small/ movies.csv"),
        "interactions": (3, 2, 1, 0, "ml-latest-small/ ratings.csv"),
    },
    "goodbooks-10k": {
        "items": (3, 2, 1, 0, "goodbooks-10k/ books.csv"),
        "interactions": (4, 2, 2, 0, "goodbooks-10k/ ratings.csv"),
    },
    "amazon-reviews-2023": {
        "items": (2, 2, 0, 0, "amazon-reviews-2023/All_Beauty/ meta_All_Beauty.jsonl.gz"),
        "interactions": (4, 2, 1, 1, "amazon-reviews-2023/All_Beauty/ All_Beauty.jsonl.gz"),
    },
    "mind-small": {
        "items": (4, 2, 0, 2, "mind-small/ news.parquet"),
        "interactions": (7, 4, 3, 0, "mind-small/ clicks.parquet"),
    },
}
ITEMS = {
    "movielens-1m": [("1", "Misérables, Les", 1995, ["Drama", "Musical"]), ("2", "Ran", 1985, ["War"])],
    "ml-latest-small": [
        ("1", "Enfer, L'", 1994, ["Drama", "War"]),
        ("2", "Ran", 1985, []),
    ],
    "goodbooks-10k": [("1", "Harry", 1997, []), ("2", "Republic", -380, [])],
    "amazon-reviews-2023": [("B1", "Brush", None, ["Beauty", "Tools"]), ("B2", "Comb", None, [])],
    "mind-small": [("N1", '"Wheel" of golf', None, ["sports"]), ("N2", "Title two", None, ["news"])],
}
EVENTS = {
    "movielens-1m": [("1", "1", 5.0, 978300760), ("2", "2", 3.0, 978300762)],
    "ml-latest-small": [("1", "1", 4.0, 964982703), ("2", "2", 0.5, 964982705)],
    "goodbooks-10k": [("1", "2", 5.0, 0), ("1", "1", 3.0, 1)],
    "amazon-reviews-2023": [("A1", "B1", 5.0, 1588687728), ("A2", "B1", 5.0, 1588687728)],
    "mind-small": [
        ("U1", "N2", 1.0, 1573462799),
        ("U1", "N1", 1.0, 1573506358),
        ("U1", "N2", 1.0, 1573804800),
        ("U2", "N1", 1.0, 1573804800),
    ],
}


def home(folder: Path, **values: object) -> Settings:
    return Settings(home=folder, base=folder, data=Data.model_validate(values))


def fetch(publisher: Publisher, settings: Settings) -> None:
    data = settings.data
    get(data.source, data.category, settings.data_folder, publisher.address, lambda one: True)


@pytest.fixture
def told(publisher: Publisher) -> Publisher:
    """A publisher whose sets hold rows that cannot be used."""
    publisher.content |= CONTENT
    return publisher


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with writing(home(tmp_path).data_folder, "a test") as opened:
        yield opened


def load(warehouse: Warehouse, settings: Settings) -> StageRun:
    run = StageRun("ingest", settings, warehouse, None)
    load_core.fn(run)
    return run


@pytest.mark.parametrize("name", FETCHED)
def test_a_set_becomes_core_tables(told: Publisher, warehouse: Warehouse, tmp_path: Path, name: str) -> None:
    settings = home(tmp_path, source=name)
    fetch(told, settings)
    run = load(warehouse, settings)
    found = warehouse.query("ingest_counts").select(
        "kind", "rows_in", "used", "quarantined", "merged", "source"
    )
    expected = TOTALS[name]
    assert {row[0]: row[1:5] for row in found.rows()} == {kind: row[:4] for kind, row in expected.items()}
    for kind, *_, source in found.rows():
        folder, file = expected[kind][4].split()
        assert source.startswith(folder) and source.endswith(f"/{file}"), source
    assert set(bad_rows(warehouse)["source"]) <= set(found["source"])
    items = warehouse.query("items").sort("item_id").select("item_id", "title", "year", "categories")
    assert items.rows() == ITEMS[name]
    assert warehouse.query("interactions").sort("event_time", "user_id").rows() == EVENTS[name]
    assert run.counts["order_is_time"] == (name == "goodbooks-10k")


def test_lists_of_texts_are_read_as_texts(told: Publisher, warehouse: Warehouse, tmp_path: Path) -> None:
    settings = home(tmp_path, source="amazon-reviews-2023")
    fetch(told, settings)
    load(warehouse, settings)
    found = warehouse.run("select description, content from core.items order by item_id")
    assert found == [("Soft. Round.", '{"store":"Acme","features":"small"}'), (None, "{}")]


@pytest.mark.parametrize("name", FETCHED)
def test_no_run_fetches_a_set(publisher: Publisher, warehouse: Warehouse, tmp_path: Path, name: str) -> None:
    settings = home(tmp_path, source=name, mirror=publisher.address)
    with pytest.raises(SourceError, match=f"{name} is not here; run `polyrec data get {name}"):
        load(warehouse, settings)
    assert publisher.asked == []
    assert warehouse.query("items").is_empty()


def test_a_set_and_a_table_of_ones_own(told: Publisher, warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "plots.csv").write_text("id,plot\n2,An old king divides his land.\n7,Nothing.\n")
    also = Also(files=("plots.csv",), id="id", description="plot")
    settings = home(tmp_path, source="ml-latest-small", items=Items(also=(also,)))
    fetch(told, settings)
    load(warehouse, settings)
    found = warehouse.run("select item_id, description from core.items order by 1")
    assert found == [("1", None), ("2", "An old king divides his land.")]
    bad = bad_rows(warehouse).filter(kind="also1").select("source", "line", "reason").rows()
    assert bad == [("plots.csv", 3, "item id is not in the catalogue")]


def test_a_quick_try_of_a_set(publisher: Publisher, warehouse: Warehouse, tmp_path: Path) -> None:
    """The first items of the catalogue, and the first users who have events with them."""
    movies = "".join(f"{n}::Film {n} (2000)::Drama\n" for n in range(1, 11))
    ratings = "".join(f"{user}::{10 - user}::4::{978300760 + user}\n" for user in range(10))
    publisher.content["ml-1m.zip"] = archive(
        **{
            "ml-1m__movies_dot_dat": movies,
            "ml-1m__ratings_dot_dat": ratings,
            "ml-1m__users_dot_dat": "".join(f"{user}::F::1::10::48067\n" for user in range(12)),
        }
    )
    settings = home(tmp_path, source="movielens-1m", max_items=6, max_users=4)
    fetch(publisher, settings)
    load(warehouse, settings)
    assert warehouse.run("select count(*) from core.items") == [(6,)]
    assert sorted(warehouse.query("users")["user_id"]) == ["4", "5", "6", "7"]
    assert [row[:2] for row in warehouse.query("interactions").rows()] == [
        (str(user), str(10 - user)) for user in (4, 5, 6, 7)
    ]
    reasons = warehouse.query("quarantine_reasons").select("kind", "reason", "rows")
    assert reasons.sort(pl.all()).rows() == [
        ("interactions", "item id left out by max_items", 4),
        ("interactions", "user id left out by max_users", 2),
        ("items", "item id left out by max_items", 4),
        ("users", "user id left out by max_users", 8),
    ]
    assert set(bad_rows(warehouse)["content"]) == {"{}"}
