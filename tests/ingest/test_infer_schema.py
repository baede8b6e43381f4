import polars as pl
import pytest

from tasks.ingest import infer_schema
from tasks.settings.angles import angle_set_for


def frame(**columns: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


FILMS = frame(movieId=["1", "2"], title=["Toy Story (1995)", "Heat (1995)"], genres=["Comedy|Drama", "Drama"])
LOG = frame(
    KundenNummer=["7", "7"],
    Artikelnummer=["a", "b"],
    Datum=["01.02.2024", "02.02.2024"],
    Menge=["2", "-1"],
)


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
    assert infer_schema.noun_of(names) == noun
    assert angle_set_for(noun) == angle_set


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (FILMS, "items"),
        (LOG, "interactions"),
        (frame(userId=["1"], age=["30"]), "users"),
        (frame(user=["1"], query=["lamp"], time=["2024-01-01"]), "searches"),
        (frame(head=["1"], relation=["by"], tail=["x"]), "triples"),
        (frame(movieId=["1"], imdbId=["114709"]), None),
        (frame(), None),
    ],
)
def test_kind_of_table(table: pl.DataFrame, kind: str | None) -> None:
    assert infer_schema.kind_of(table) == kind


def test_names_in_another_language_and_content_that_agrees() -> None:
    found = {role: one.column for role, one in infer_schema.infer_interactions(LOG).items()}
    assert found == {"user": "KundenNummer", "item": "Artikelnummer", "time": "Datum", "amount": "Menge"}
    assert infer_schema.smallest_amount(LOG["Menge"]) == 1


def test_a_column_whose_content_does_not_fit_its_name_is_passed_over() -> None:
    table = frame(user=["1"], item=["2"], rating=["very good"], when=["964982703"])
    found = infer_schema.infer_interactions(table)
    assert "rating" not in found
    assert found["time"].column == "when"


def test_computed_columns_are_never_content() -> None:
    table = frame(id=["1"], title=["a"], author=["b"], ratings_count=["3"], brand=["c"], averageRating=["4"])
    assert infer_schema.infer_content(table, {"id", "title"}) == ["author", "brand"]


def test_events_weigh_by_their_names() -> None:
    kinds = pl.Series(["Add_to_Cart", "view", "purchase", "refund", "hum", None])
    assert infer_schema.event_weights(kinds) == {
        "Add_to_Cart": 3,
        "hum": 1,
        "purchase": 5,
        "refund": 0,
        "view": 1,
    }


def test_delimiter_and_year() -> None:
    assert infer_schema.category_delimiter(FILMS["genres"]) == "|"
    assert infer_schema.category_delimiter(pl.Series(["a, b", "c"])) == ","
    assert infer_schema.year_in_title(FILMS["title"])
    assert not infer_schema.year_in_title(pl.Series(["Lamp", "Cup"]))
