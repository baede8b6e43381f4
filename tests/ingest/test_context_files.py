"""Users' context and what events count: from CSV files to core tables, with rows that cannot be used."""

from pathlib import Path

import pytest

from tasks.ingest.steps import load_core
from tasks.run.stage import StageRun
from tasks.settings import Settings
from tasks.settings.data import Data
from tests.ingest.staged import merged_rows, quarantined, seen_only
from warehouse.connection import Warehouse

ITEMS = b"item_id,title,cover\n1,Heat,covers/heat.jpg\n2,Alien,\n3,Ran, covers/ran 1.png \n"
LOG = b"user_id,item_id\na,1\nb,2\n"
USERS = b"""user_id,age,gender,city
a,31,f,K\xc3\xb6ln
b,unknown,,
,20,m,Ulm
c,40
a,99,f,Bonn
"d\x07",1,,
"""
SEARCHES = b"""user_id,query,time
a,"red, <b>shoes</b>",2024-01-31 12:00:00
zoe,r\xc3\xa4n,2024-01-31T13:00:00+01:00
a,,2024-01-31 12:00:00
,heat,2024-01-31 12:00:00
a,soon,tomorrow
a,late,2999-01-01
a,bytes \xff,2024-01-31 12:00:00
a,too,2024-01-31 12:00:00,many
a,"red, <b>shoes</b>",2024-01-31 12:00:00
"""
TRIPLES = b"""head;relation;tail
1;directed by;Michael Mann
1;directed by;Michael Mann
2;;Ridley Scott
3;directed by
Akira Kurosawa;born in;Tokyo
"""

NOT_UTF8 = 'which is not UTF-8; if the whole file is Latin-1: encoding = "latin-1"'


def load(warehouse: Warehouse, folder: Path, files: dict[str, bytes], **data: dict[str, object]) -> StageRun:
    """Ingest files by kind, as `polyrec run --stage ingest` does."""
    tables = {"items": ITEMS, "interactions": LOG} | files
    values: dict[str, dict[str, object]] = {}
    for kind, content in tables.items():
        (folder / f"{kind}.csv").write_bytes(content)
        values[kind] = {"files": [f"{kind}.csv"], **data.get(kind, {})}
    settings = Settings(home=folder, base=folder, data=Data.model_validate({"source": "files", **values}))
    run = StageRun("ingest", settings, warehouse, None)
    load_core.fn(run)
    return run


def totals(warehouse: Warehouse, kind: str) -> tuple[int, ...]:
    """Rows in, used, quarantined, merged."""
    found = warehouse.query("ingest_counts").filter(kind=kind)
    return found.select("rows_in", "used", "quarantined", "merged").row(0)


def test_searches(warehouse: Warehouse, tmp_path: Path) -> None:
    for _ in range(2):  # the second time in the place of the first
        load(warehouse, tmp_path, {"searches": SEARCHES})
        assert warehouse.run("from core.searches order by event_time, user_id") == [
            ("a", "red, <b>shoes</b>", 1706702400),
            ("zoe", "rän", 1706702400),
        ]
        assert totals(warehouse, "searches") == (9, 2, 6, 1)
    assert quarantined(warehouse, "searches") == [
        (4, "query", "query is missing"),
        (5, "user_id", "user id is missing"),
        (6, "time", "time cannot be read: write it as 2024-01-31 23:59:00"),
        (7, "time", "time is later than tomorrow"),
        (8, "query", f"holds the byte 0xFF, {NOT_UTF8}"),
        (9, None, "has 4 fields, not 3"),
    ]
    merged = merged_rows(warehouse).filter(kind="searches")
    assert merged.select("source", "line").rows() == [("searches.csv", 10)]


def test_profiles_of_users(warehouse: Warehouse, tmp_path: Path) -> None:
    load(warehouse, tmp_path, {"users": USERS})
    found = warehouse.run("select user_id, age, gender, occupation, profile from core.users order by 1")
    assert found == [("a", 31, "f", None, '{"city":"Köln"}'), ("b", None, None, None, "{}")]
    assert totals(warehouse, "users") == (6, 2, 3, 1)
    assert quarantined(warehouse, "users") == [
        (4, "user_id", "user id is missing"),
        (5, None, "has 2 fields, not 4"),
        (7, "user_id", "user id holds control or invisible characters"),
    ]


def test_triples(warehouse: Warehouse, tmp_path: Path) -> None:
    for _ in range(2):
        load(warehouse, tmp_path, {"triples": TRIPLES})
        assert warehouse.run("from core.triples order by 1") == [
            ("1", "directed by", "Michael Mann"),
            ("Akira Kurosawa", "born in", "Tokyo"),
        ]
        assert totals(warehouse, "triples") == (5, 2, 2, 1)
    assert quarantined(warehouse, "triples") == [
        (4, "relation", "relation is missing"),
        (5, None, "has 2 fields, not 3"),
    ]


def test_pictures_of_items(warehouse: Warehouse, tmp_path: Path) -> None:
    bad = ITEMS + b"4,Brazil\n,Nobody,covers/none.jpg\n"
    load(warehouse, tmp_path, {"items": bad}, items={"image": "cover"})
    found = warehouse.run("select item_id, image_path, attributes from core.items order by 1")
    assert [row[:2] for row in found] == [("1", "covers/heat.jpg"), ("2", None), ("3", "covers/ran 1.png")]
    assert not any("cover" in (row[2] or "") for row in found)
    assert quarantined(warehouse, "items") == [
        (5, None, "has 2 fields, not 3"),
        (6, "item_id", "item id is missing"),
    ]


def test_nothing_of_it_is_needed(warehouse: Warehouse, tmp_path: Path) -> None:
    load(warehouse, tmp_path, {})
    assert warehouse.run("from core.searches union all by name from core.triples") == []
    assert warehouse.run("select user_id, profile from core.users order by 1") == [("a", None), ("b", None)]
    assert warehouse.run("select count(image_path) from core.items") == [(0,)]


VALUED = b"""user_id,item_id,value,type,time
a,1,12,buy,1000
a,2,1,view,1001
a,3,0,buy,1002
b,1,-12,buy,1003
b,2,,buy,1004
b,3,7,gift,1005
"""
LOW = {"amount": "amount below min_value", "rating": "below min_value"}


@pytest.mark.parametrize(
    ("value_is", "weighted", "values"),
    [
        ("amount", False, {"a1": 1.0, "a2": 1.0, "b3": 1.0}),
        ("amount", True, {"a1": 5.0, "a2": 0.5}),
        ("rating", False, {"a1": 12.0, "a2": 1.0, "b3": 7.0}),
        ("rating", True, {"a1": 60.0, "a2": 0.5}),
    ],
)
def test_an_amount_is_held_against_min_value_and_then_counts_one(
    warehouse: Warehouse, tmp_path: Path, value_is: str, weighted: bool, values: dict[str, float]
) -> None:
    """What a type weighs is multiplied afterwards: min_value is about the value as delivered."""
    events: dict[str, object] = {"value": "value", "time": "time", "value_is": value_is, "min_value": 1}
    if weighted:
        events |= {"event": "type", "event_weights": {"buy": 5, "view": 0.5}}
    load(warehouse, tmp_path, {"interactions": VALUED}, interactions=events)
    found = {row[0] + row[1]: row[2] for row in warehouse.query("interactions").rows()}
    assert found == values
    assert quarantined(warehouse, "interactions") == [(6, "value", "value is missing")]
    aside = [("a", "3", 0.0, LOW[value_is]), ("b", "1", -12.0, LOW[value_is])]
    if weighted:
        aside.append(("b", "3", 7.0, "no weight"))
    assert [(user, item, value, why) for user, item, _, value, _, why in seen_only(warehouse)] == aside
