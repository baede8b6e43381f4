"""Odd values in whatever mixture: rows in = used + quarantined + merged + seen only, nothing odd is used."""

import csv
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.ingest.loading import load
from tasks.ingest.reading import stage
from tasks.settings import Settings
from tasks.settings.data import Data, Interactions, Items
from tests.examples import examples
from warehouse.connection import Warehouse
from warehouse.staging import clear
from warehouse.times import begin_of

TIMES = (
    *("1760000000", "1760000000123", "1760000000.5", "1.76e18", "0", "-1", "7", "8.0", "1e400", "nan", ""),
    *("2025-10-09 08:53:20", "2025-10-09T08:53:20+02:00", "20251009", "03.04.2025", "13.4.25 6:05 PM"),
    *("3/4/25", "13/4/2025", "4/13/2025", "9 Oct 2025", "Oct 9, 2025", "2999-01-01", "1970-01-01", "soon"),
    *(
        "2025年3月4日",
        "31.02.2025",
        "１７６０００００００",
        "1760000000,5",
        "infinity",
        "epoch",
        "'",
        "\\",
        "(",
        "%s",
    ),
)
NUMBERS = (
    *("5", "3.5", "3,5", "1.234", "1,234", "1.234,5", "1,234.5", "1 234", "1'234", "€ 3,50", "$1,234", "5-"),
    *(
        "nan",
        "inf",
        "1e400",
        "good",
        "",
        "1.2.3",
        "1,2,3",
        "-",
        ",",
        ".",
        "５",
        "--5",
        "1e5",
        "$",
        "0x10",
        "'",
    ),
)
IDS = ("1", "1.0", "2.0", "3.00", "1e0", "2.000e+00", "1.5", "nan", "None", "", " 1 ", "x", "1'; --", "01.0")
CELLS = (
    *("", "Drama|Comedy", "[]", "{}", "['Drama', 'Comedy']", '["Drama"]', "[{'id': 16, 'name': 'Drama'}]"),
    *(
        '[{"id": 16, "name": "Sci-Fi \\"B\\""}]',
        "[{'id': 16}]",
        "[{'name': 'Dra",
        "{Drama,Comedy}",
        "[['a'], ['b']]",
    ),
    *(
        "{'name': None}",
        "[{'name': nan}]",
        "[" * 300,
        "{" * 300,
        "[{'name': ['a', {'title': 'b'}]}]",
        "[{}]",
        "'",
    ),
)
HOW = settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def some(*pools: tuple[str, ...]) -> st.SearchStrategy[list[tuple[str, ...]]]:
    """Rows of values of few forms each, so that columns tell something as well as nothing."""
    columns = [
        st.lists(st.sampled_from(pool), min_size=1, max_size=4).flatmap(st.sampled_from) for pool in pools
    ]
    few = [st.sampled_from(pool[:3]) for pool in pools]
    row = st.tuples(*columns) | st.tuples(*few)
    return st.lists(row, min_size=1, max_size=12)


@HOW
@given(some(IDS, IDS, NUMBERS, TIMES), some(IDS, CELLS), st.sampled_from([None, 5.0]))
def test_the_books_hold_whatever_values_stand_there(
    opened: Warehouse,
    tmp_path: Path,
    rows: list[tuple[str, ...]],
    items: list[tuple[str, ...]],
    min_value: float | None,
) -> None:
    for table in ("core.items", "core.users", "core.interactions", "core.seen_only"):
        opened.run(f"delete from {table}")
    for name, header, body in (
        ("items.csv", ("item_id", "kinds"), [("9", "Drama"), *items]),
        ("log.csv", ("user_id", "item_id", "rating", "when"), [("u", "9", "5", "1760000000"), *rows]),
    ):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *body])
    data = Data(
        source="files",
        items=Items(files=("items.csv",), title="item_id", categories="kinds"),
        interactions=Interactions(files=("log.csv",), value="rating", time="when", min_value=min_value),
    )
    try:
        staged = {
            kind: stage(opened, kind, getattr(data, kind), tmp_path) for kind in ("items", "interactions")
        }
        loaded = load(opened, Settings(home=tmp_path), data, staged)
    finally:
        clear(opened)
    assert loaded.totals["rows_in"].to_list() == [len(items) + 1, len(rows) + 1]
    parts = ("used", "quarantined", "merged", "seen_only")
    assert loaded.totals.select(pl.sum_horizontal(parts))["used"].to_list() == [len(items) + 1, len(rows) + 1]
    earliest, latest = begin_of(data.interactions.earliest), int(time.time()) + 2 * 86_400
    if loaded.numbers_are == "positions":
        earliest, latest = 0, earliest
    found = opened.run(
        "select event_time, value from core.interactions union all select event_time, 0 from core.seen_only"
    )
    assert all(earliest <= moment <= latest and abs(value) < 1e7 for moment, value in found)
    kinds = opened.value("select list_distinct(flatten(list(categories))) from core.items")
    assert not {kind for kind in kinds or [] if "name" in kind or "'id'" in kind}


@pytest.mark.parametrize("form", ["{}.0", "{}.00", "{}.000e+00"])
@HOW
@given(st.lists(st.sampled_from("123456"), min_size=1, max_size=9), st.integers(0, 2))
def test_float_ids_of_a_log_meet_those_of_the_catalogue(
    opened: Warehouse, tmp_path: Path, form: str, ids: list[str], missing: int
) -> None:
    for table in ("core.items", "core.interactions"):
        opened.run(f"delete from {table}")
    (tmp_path / "items.csv").write_text("item_id,title\n" + "".join(f"{n},T{n}\n" for n in "123456"))
    rows = [(form.format(one), str(1760000000 + n)) for n, one in enumerate(ids)]
    lines = [f"u,{one},{when}\n" for one, when in [*rows, *[("", "1760000000")] * missing]]
    (tmp_path / "log.csv").write_text("user_id,item_id,when\n" + "".join(lines))
    data = Data(
        source="files",
        items=Items(files=("items.csv",)),
        interactions=Interactions(files=("log.csv",), time="when"),
    )
    try:
        staged = {
            kind: stage(opened, kind, getattr(data, kind), tmp_path) for kind in ("items", "interactions")
        }
        loaded = load(opened, Settings(home=tmp_path), data, staged)
    finally:
        clear(opened)
    (totals,) = loaded.totals.filter(kind="interactions").rows(named=True)
    assert (totals["used"], totals["quarantined"]) == (len(ids), missing)
    found = opened.run("select item_id from core.interactions order by event_time")
    assert [one for (one,) in found] == ids
