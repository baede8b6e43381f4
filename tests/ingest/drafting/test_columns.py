"""What names and values say: of columns, of types of events, of scales."""

import polars as pl
import pytest

from tasks.ingest.drafting import roles
from tasks.ingest.drafting.events import event_weights, lowest_interest, smallest_amount
from tasks.ingest.drafting.names import concepts
from tasks.ingest.drafting.nouns import noun_of
from tasks.ingest.drafting.profile import Profile
from tasks.settings.angles import angle_set_for


def column(*values: str | None, name: str = "") -> Profile:
    return Profile(name, pl.Series(values, dtype=pl.String))


@pytest.mark.parametrize(
    ("names", "noun", "angle_set"),
    [
        (["movies.csv", "movieId", "title"], "film", "films"),
        (["b.csv", "isbn", "title"], "book", "books"),
        (["items.csv", "news_id", "headline"], "article", "news"),
        (["log.parquet", "StockCode", "Description", "Stripe colour", "tracking"], "product", "products"),
        (["hotels.csv", "id", "name"], "place", "travel"),
        (["catalogue.csv", "track_id", "title", "Artist"], "song", "music"),
        (["things.csv", "id", "name"], "item", "items"),
    ],
)
def test_names_say_what_items_are(names: list[str], noun: str, angle_set: str) -> None:
    assert noun_of(names) == noun
    assert angle_set_for(noun) == angle_set


@pytest.mark.parametrize(
    ("name", "spoken_of"),
    [
        ("Kunden-Nr.", {"user", "id"}),
        ("ID_Cliente", {"user", "id"}),
        ("numéro client", {"user", "id"}),
        ("Código do Produto", {"item", "id"}),
        ("ID użytkownika", {"user", "id"}),
        ("ID товара", {"item", "id"}),
        ("商品编号", {"item", "id"}),
        ("会員ID", {"user", "id"}),
        ("상품명", {"title"}),
        ("Ürün Kodu", {"item", "id"}),
        ("معرف المستخدم", {"user", "id"}),
        ("visitorId", {"user", "id"}),
        ("Book-Rating", {"item", "rating"}),
        ("Bestelldatum", {"time"}),
        ("Fecha de compra", {"time"}),
        ("Valutazione", {"rating"}),
        ("hoeveelheid aantal", {"amount"}),
    ],
)
def test_names_in_many_languages_and_spellings(name: str, spoken_of: set[str]) -> None:
    assert spoken_of <= concepts(name).keys()


def test_values_decide_before_names() -> None:
    assert roles.rating(column("very good", "bad", name="rating"), concepts("rating")) == roles.NEVER
    assert roles.time(column("964982703", "964981247", name="when"), concepts("when")) > 2
    assert roles.time(column("1995", "1996", name="date"), concepts("date")) == roles.NEVER
    assert roles.year(column("1995", "1996", name="released"), {}) > 1
    assert roles.title(column("http://a.b/1", "http://a.b/2", name="title"), concepts("title")) == roles.NEVER
    assert roles.user(column("3.5", "4.5", name="user"), concepts("user")) == roles.NEVER
    assert roles.image(column("a/1.jpg", "a/2.png", name="x"), {}) >= 3


def test_events_weigh_by_their_names() -> None:
    assert event_weights(["Add_to_Cart", "view", "purchase", "refund", "hum"]) == {
        "Add_to_Cart": 3,
        "hum": 1,
        "purchase": 5,
        "refund": 0,
        "view": 1,
    }
    assert event_weights(["dislike", "not_interested", "thumbs_down", "Storno", "退货", "移除"]) == {
        **dict.fromkeys(("dislike", "not_interested", "thumbs_down", "Storno", "退货"), 0),
        "移除": 1,
    }


def test_scales() -> None:
    assert lowest_interest([-1.0, 1.0]) == (1.0, True)
    assert lowest_interest([0.0, 0.5, 1.0]) == (0.5, True)
    assert lowest_interest([1.0, 2.0, 3.0, 4.0, 5.0]) == (4.0, False)
    assert lowest_interest([]) is None
    assert smallest_amount(column("2", "-1", "3")) == 1
    assert smallest_amount(column("0.5", "1.5")) == 0.01


def test_numbers_of_many_writings() -> None:
    assert column("3,5", "4,0").numbers.to_list() == [3.5, 4.0]
    assert column("1,234.5", "2.5").numbers.to_list() == [1234.5, 2.5]
    assert column("1037.0", "12.0").keys == {"1037", "12"}
    assert column("1037.0", "12.0").steps == [12.0, 1037.0]


def test_lists_and_separators() -> None:
    assert column(*(["Comedy|Drama", "Drama"] * 20)).separator == "|"
    assert column(*(["a, b", "c"] * 20)).separator == ","
    assert column(*(f"The {n} / a tale of {n}" for n in range(40))).separator == ""
    assert column("N1-0 N2-1", "N3-0 N1-1").packed == {"N1", "N2", "N3"}
