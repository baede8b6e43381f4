"""What a check needs to know of the real warehouse, and what it tells about judged rows."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.connection import DATABASE, Warehouse
from warehouse.errors import WarehouseError
from warehouse.expressions import content_value
from warehouse.lock import exclusive, say_to_stderr
from warehouse.sql import name_of, quoted, text_of
from warehouse.validation import Judging, table_of

KNOWN = ("core.items", "ops.forgotten")
"""What judging and the guard against a broken delivery look at."""

_BARE = r"""(n < 0 or not regexp_matches(title, '\p{L}')) and description is null and len(categories) = 0
    and coalesce(content, '{}') = '{}'"""
"""Whether an item has nothing to read but its id: no letter in its title, or the id for a title."""


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
    bare: int


def copy_known(warehouse: Warehouse, folder: Path, timeout_s: float) -> None:
    """Copy what the warehouse of a folder knows into an empty one; the folder's database is only read.

    Args:
        warehouse: The empty one.
        folder: Where the real warehouse keeps its files; may not exist.
        timeout_s: How long to wait for a process that writes there.

    Raises:
        WarehouseBusy: another process still wrote after `timeout_s`.
        WarehouseError: the database cannot be read.
    """
    path = folder / DATABASE
    if not path.is_file():
        return
    with exclusive(folder, "polyrec check", timeout_s, say_to_stderr):
        connection = warehouse.second_connection()
        try:
            connection.execute(f"attach {text_of(str(path))} as known (read_only)")
            for table in KNOWN:
                # An older version of the program knew fewer tables and columns.
                columns = ", ".join(name_of(column) for column in _shared_columns(connection, table))
                if columns:
                    connection.execute(
                        f"insert into {quoted(table)} ({columns}) select {columns} from known.{quoted(table)}"
                    )
            connection.execute("detach known")
        except duckdb.Error as error:
            raise WarehouseError(
                f"cannot read {path}: {error}; close a program that has it open, or, if it is damaged, "
                "move it away"
            ) from error
        finally:
            connection.close()


def _shared_columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    schema, _, name = table.partition(".")
    rows = connection.execute(
        """select column_name from duckdb_columns()
            where schema_name = ? and table_name = ? and database_name in ('known', current_database())
            group by column_name having count(*) = 2""",
        [schema, name],
    ).fetchall()
    return [column for (column,) in rows]


def figures(judging: Judging, with_profiles: bool) -> Figures:
    """Counts of the judged rows that are used.

    Args:
        judging: Has judged them.
        with_profiles: Whether there are profiles of users.
    """
    events, items = table_of("interactions", "used"), table_of("items", "used")
    people = f"select user_id from {events}"
    if with_profiles:
        people += f" union all select user_id from {table_of('users', 'used')}"
    n_events, first, last = judging.run(f"select count(*), min(event_time), max(event_time) from {events}")[0]
    n_items, titled, described, categorised, bare = judging.run(
        f"""select count(*), count(*) filter (n >= 0), count(description),
                count(*) filter (len(categories) > 0), count(*) filter ({_BARE})
            from {items}"""
    )[0]
    return Figures(
        items=n_items,
        users=judging.one(f"select count(distinct user_id) from ({people})"),
        interactions=n_events,
        # Hashes of 64 bits: a tenth of the memory of the pairs themselves.
        pairs=judging.one(f"select count(distinct hash(user_id, item_id)) from {events}"),
        first=first,
        last=last,
        titled=titled,
        described=described,
        categorised=categorised,
        bare=bare,
    )


def first_bare_item(judging: Judging) -> tuple[int, str]:
    """Number and id of the first item without any text; the number is -1 where an event named the item."""
    return judging.run(
        f"select n, item_id from {table_of('items', 'used')} where {_BARE} order by n < 0, n, item_id limit 1"
    )[0]


def first_content(judging: Judging, kind: str, column: str) -> tuple[int, str]:
    """Number of the first row that holds something in a column declared as content, and what it holds."""
    return judging.run(
        f"""select n, {content_value(column)} as value from {table_of(kind, "used")}
            where n >= 0 and value is not null order by n limit 1"""
    )[0]


def first_missing_item(judging: Judging) -> str | None:
    """The first active item of the warehouse that is not delivered, or delivered as inactive."""
    found = judging.run(
        f"""select item_id from core.items where active
                and item_id not in (select item_id from {table_of("items", "used")} where active)
            order by item_id limit 1"""
    )
    return found[0][0] if found else None
