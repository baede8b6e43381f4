"""The default split, cut by the database: for logs that are better not taken into Python as a whole."""

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.sql import load_sql

BATCH_ROWS = 500_000


@contextmanager
def sorted_parts(warehouse: Warehouse) -> Iterator[Iterator[pl.DataFrame]]:
    """Frames of user_id, item_id, event_time and part by temporal_user, in the order of these columns."""
    connection = warehouse.second_connection()
    try:
        statement = f"from ({load_sql('split_temporal_user')}) order by user_id, item_id, event_time, part"
        reader = connection.sql(statement).to_arrow_reader(BATCH_ROWS)
        yield (pl.DataFrame(pl.from_arrow(batch)) for batch in reader)
    finally:
        connection.close()


def write_parts(warehouse: Warehouse, protocol: str, split_hash: str) -> None:
    """Put the parts by temporal_user in the place of a protocol's rows in core.splits.

    Raises:
        WarehouseError: they do not read back.
    """
    with warehouse.transaction():
        warehouse.run("delete from core.splits where protocol = ?", [protocol])
        warehouse.run(
            f"""insert into core.splits (protocol, split_hash, user_id, item_id, event_time, part)
                select ?, ?, user_id, item_id, event_time, part from ({load_sql("split_temporal_user")})""",
            [protocol, split_hash],
        )
    parts = warehouse.query("split_parts").filter(protocol=protocol)["interactions"].sum()
    ((events,),) = warehouse.run("select count(*) from core.interactions")
    if parts != events:
        raise WarehouseError(f"core.splits reads back {parts:,} rows for {events:,} events; run again")
