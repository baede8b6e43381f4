"""Files read into staging: what came of them."""

from pathlib import Path

from tasks.ingest.reading import stage
from tasks.settings.data import Table
from warehouse.connection import Warehouse
from warehouse.staging import NotRead, Staged


def rows_of(warehouse: Warehouse, staged: Staged) -> list[tuple[object, ...]]:
    """Staged rows, each with the line where it begins in the place of its ordinal."""
    with warehouse.second_connection() as connection:
        found = connection.execute(
            f'select * from staging."{staged.kind}" order by source, record'
        ).fetchall()
    lines = {
        source: staged.lines(source, [row[1] for row in found if row[0] == source])
        for source in staged.sources
    }
    taken = {source: iter(where) for source, where in lines.items()}
    return [(row[0], next(taken[row[0]]), *row[2:]) for row in found]


def bad_of(warehouse: Warehouse, kind: str = "items") -> list[tuple[object, ...]]:
    with warehouse.second_connection() as connection:
        return connection.execute(
            "select source, line, field, reason, content from staging.bad where kind = ? order by all", [kind]
        ).fetchall()


def read(warehouse: Warehouse, folder: Path, data: bytes, name: str = "a.csv", **how: object) -> Staged:
    (folder / name).write_bytes(data)
    return stage(warehouse, "items", Table.model_validate({"files": [name], **how}), folder)


def balances(warehouse: Warehouse, staged: Staged) -> bool:
    rows_in = sum(staged.rows_in.values())
    return len(rows_of(warehouse, staged)) + len(bad_of(warehouse)) == rows_in


def refuse(*_: object) -> None:
    """Stands for a reader that cannot read the file."""
    raise NotRead("for this test")
