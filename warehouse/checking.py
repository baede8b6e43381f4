"""What a check needs to know of the real warehouse, and what it tells about validated rows."""

from dataclasses import dataclass
from pathlib import Path

from warehouse.connection import DATABASE, Warehouse
from warehouse.errors import WarehouseError
from warehouse.expressions import json_path
from warehouse.lock import exclusive, say_to_stderr
from warehouse.sql import name_of, text_of
from warehouse.staging import Staged
from warehouse.validation import numbered, table_of

KNOWN = ("core.items", "ops.forgotten")  # what validation and the guard against a broken delivery look at


@dataclass(frozen=True)
class Figures:
    """What can be used of a delivery; `first` and `last` are seconds since 1970, or places in the order."""

    items: int
    users: int
    interactions: int
    pairs: int
    first: int | None
    last: int | None
    titled: int
    described: int
    categorised: int
    bare: int  # items that have nothing to read but their id
    bare_row: int | None  # number of the first of them; -1 where an event named the item
    bare_item: str | None
    missing_item: str | None  # the first active item of the warehouse that is not delivered as active


def copy_known(warehouse: Warehouse, folder: Path, timeout_s: float) -> None:
    """Copy what the warehouse of a folder knows, if there is one, into an empty one; it is only read.

    Raises:
        WarehouseBusy: another process still wrote after `timeout_s`.
        WarehouseError: the database cannot be read.
    """
    path = folder / DATABASE
    if not path.is_file():
        return
    with exclusive(folder, "polyrec check", timeout_s, say_to_stderr):
        try:
            warehouse.run(f"attach {text_of(str(path))} as known (read_only)")
            for table in KNOWN:
                # An older version of the program knew fewer tables and columns.
                schema, _, name = table.partition(".")
                shared = warehouse.run(
                    """select column_name from duckdb_columns() where schema_name = ? and table_name = ?
                            and database_name in ('known', current_database())
                        group by column_name having count(*) = 2""",
                    [schema, name],
                )
                if shared:
                    columns = ", ".join(name_of(column) for (column,) in shared)
                    warehouse.run(f"insert into {table} ({columns}) select {columns} from known.{table}")
            warehouse.run("detach known")
        except WarehouseError as error:
            raise WarehouseError(
                f"cannot read {path}: {error.__cause__}; close a program that has it open, or, if it is "
                "damaged, move it away"
            ) from error


def figures(warehouse: Warehouse) -> Figures:
    """Counts of the validated rows that are used."""
    return Figures(**warehouse.query("staged/figures").row(0, named=True))


def delivered_value(warehouse: Warehouse, staged: Staged, column: str, n: int) -> str | None:
    """What a row (known by `n`) holds in a column, as delivered."""
    return warehouse.value(
        f"select {name_of(column)} from staging.{name_of(staged.kind)} as s where {numbered(staged)} = {n}"
    )


def first_content(warehouse: Warehouse, kind: str, column: str) -> tuple[int, str]:
    """Number of the first row that holds something in a column declared as content, and what it holds."""
    return warehouse.run(
        f"""select n, json_extract_string(content, ?) as value from {table_of(kind, "used")}
            where n >= 0 and value is not null order by n limit 1""",
        [json_path(column)],
    )[0]
