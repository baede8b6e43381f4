"""Columns whose texts stand for something simpler: ids that became floats, cells of objects."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tasks.ingest.mapping import also_tables
from tasks.ingest.readings import Reading
from tasks.settings.data import Data
from warehouse.connection import Warehouse
from warehouse.float_ids import Ids, float_ids, id_of_float
from warehouse.respelling import Objects, look_at_objects, names_of_objects, respell
from warehouse.sql import name_of
from warehouse.staging import Staged


@dataclass(frozen=True)
class Unread:
    """Cells of objects that no name can be told of."""

    kind: str
    column: str
    found: Objects


def respell_tables(
    warehouse: Warehouse, data: Data, staged: Mapping[str, Staged]
) -> tuple[list[Reading], list[Unread]]:
    """Respell ids and objects of staged tables, whose columns exist; returns what was, and what was not."""
    readings, unread = [], []
    spelled: dict[str, dict[str, str]] = {kind: {} for kind in staged}
    for same in (_item_ids(data, staged), _user_ids(data, staged)):
        for ids, rows in float_ids(warehouse, same):
            spelled[ids.staged.kind][ids.column] = id_of_float(f"s.{name_of(ids.column)}")
            said = f"{rows:,} ids are written as decimals and read as whole numbers"
            readings.append(Reading(ids.staged.kind, ids.column, "ids", said, {"rows": rows}))
    for kind, column, as_list in _texts(data, staged):
        found = look_at_objects(warehouse, staged[kind], column, as_list)
        if found is None:
            continue
        spelled[kind][column] = names_of_objects(staged[kind], column)
        if found.rows:
            said = f"objects in {found.rows:,} rows, of which the names are taken"
            readings.append(Reading(kind, column, "objects", said, {"rows": found.rows}))
        if found.unread:
            unread.append(Unread(kind, column, found))
    for kind, columns in spelled.items():
        respell(warehouse, staged[kind], columns)
    return readings, unread


def _item_ids(data: Data, staged: Mapping[str, Staged]) -> list[Ids]:
    also = [Ids(staged[kind], table.id) for kind, table in also_tables(data).items()]
    return [
        Ids(staged["items"], data.items.id),
        *also,
        Ids(staged["interactions"], data.interactions.item),
    ]


def _user_ids(data: Data, staged: Mapping[str, Staged]) -> list[Ids]:
    columns = {"users": data.users.id, "searches": data.searches.user}
    further = [Ids(staged[kind], column) for kind, column in columns.items() if kind in staged]
    return [Ids(staged["interactions"], data.interactions.user), *further]


def _texts(data: Data, staged: Mapping[str, Staged]) -> Iterator[tuple[str, str, bool]]:
    """Kind and column of what may hold objects, and whether it holds a list."""
    if data.items.categories:
        yield "items", data.items.categories, True
    for kind, table in {"items": data.items, **also_tables(data)}.items():
        for column in dict.fromkeys((table.description, *table.content)):
            if column and column != data.items.categories and kind in staged:
                yield kind, column, False
