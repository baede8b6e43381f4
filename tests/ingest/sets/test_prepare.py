"""What ingest is told of each set: the tables exist and have the columns that are named."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.ingest.sets.get import get
from tasks.ingest.sets.prepare import builtin
from tasks.settings.data import Data, Interactions, Items, Table
from tests.ingest.sets.publisher import Publisher
from tests.ingest.sets.test_get import FETCHED
from warehouse.errors import SourceError


def prepared(publisher: Publisher, folder: Path, **values: object) -> Data:
    data = Data.model_validate(values)
    get(data.source, data.category, folder, publisher.address, lambda one: True)
    return builtin(data, folder)


def columns(table: Table) -> list[str]:
    """The columns of a table's first file."""
    path = table.files[0]
    if path.endswith(".parquet"):
        return list(pl.read_parquet_schema(path))
    if path.endswith(".jsonl.gz"):
        return pl.read_ndjson(path).columns
    text = Path(path).read_text(encoding="utf-8" if table.encoding == "auto" else table.encoding)
    fields = text.splitlines()[0].split("," if table.delimiter == "auto" else table.delimiter)
    return fields if table.header else [f"column{place}" for place in range(len(fields))]


@pytest.mark.parametrize("name", FETCHED)
def test_named_columns_exist(publisher: Publisher, tmp_path: Path, name: str) -> None:
    data = prepared(publisher, tmp_path, source=name)
    items, events = data.items, data.interactions
    named = {items.id, items.title, items.description, items.categories, items.year, *items.content}
    assert named - {None} <= set(columns(items))
    assert {events.user, events.item, events.time, events.value, events.event} - {None} <= set(
        columns(events)
    )
    assert not {"average_rating", "ratings_count", "rating_number"} & set(items.content)
    if data.users.given:
        assert data.users.id in columns(data.users)


@pytest.mark.parametrize("name", FETCHED)
def test_a_set_that_was_not_fetched_names_the_command(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match=f"{name} is not here; run `polyrec data get {name}"):
        builtin(Data.model_validate({"source": name}), tmp_path)


def test_settings_of_the_user_win(publisher: Publisher, tmp_path: Path) -> None:
    mine = Interactions(min_value=4, unknown_items="add")
    data = prepared(publisher, tmp_path, source="ml-latest-small", interactions=mine, max_users=5)
    assert (data.interactions.min_value, data.interactions.unknown_items) == (4, "add")
    assert (data.interactions.user, data.max_users) == ("userId", 5)
    with pytest.raises(SourceError, match='source = "files"'):
        builtin(Data(source="ml-latest-small", items=Items(files=("mine.csv",))), tmp_path)


def test_mind_becomes_clicks(publisher: Publisher, tmp_path: Path) -> None:
    data = prepared(publisher, tmp_path, source="mind-small")
    day = datetime(2019, 11, 11, 9)
    wanted = [
        ("U1", "N3", day.replace(hour=8, minute=59, second=58), "history"),
        ("U1", "N2", day.replace(hour=8, minute=59, second=59), "history"),
        ("U1", "N5", day, "click"),
        ("U1", "N1", datetime(2019, 11, 11, 21, 5, 58), "click"),
        ("U1", "N6", datetime(2019, 11, 15, 7, 59, 59), "history"),
        ("U1", "N2", datetime(2019, 11, 15, 8), "click"),
        ("U2", "N1", datetime(2019, 11, 15, 8), "click"),
    ]
    got = pl.read_parquet(data.interactions.files[0])
    expected = pl.DataFrame(wanted, schema=["user_id", "news_id", "time", "event"], orient="row")
    assert_frame_equal(got.select(expected.columns), expected, check_row_order=False)
    news = pl.read_parquet(data.items.files[0])
    assert news["title"].to_list() == ['"Wheel" of golf', "Title two"] * 2
    assert not list(tmp_path.rglob("*.tsv"))
