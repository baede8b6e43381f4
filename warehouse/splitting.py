"""Splits, cut by the database: a log may be too large to take into Python as a whole."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import polars as pl

from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.sql import load_sql

BATCH_ROWS = 500_000


@contextmanager
def sorted_parts(
    warehouse: Warehouse, protocol: str, parameters: Mapping[str, object]
) -> Iterator[Iterator[pl.DataFrame]]:
    """Frames of user_id, item_id, event_time and part by a protocol, in the order of these columns."""
    connection = warehouse.second_connection()
    try:
        statement = f"from ({_parts(protocol)}) order by user_id, item_id, event_time, part"
        reader = connection.sql(statement, params=dict(parameters) or None).to_arrow_reader(BATCH_ROWS)
        yield (pl.DataFrame(pl.from_arrow(batch)) for batch in reader)
    finally:
        connection.close()


def write_parts(
    warehouse: Warehouse, protocol: str, parameters: Mapping[str, object], split_hash: str
) -> None:
    """Put the parts by a protocol in the place of core.splits: those of another one may be out of date.

    Raises:
        WarehouseError: they do not read back.
    """
    with warehouse.transaction():
        warehouse.run("delete from core.splits")
        warehouse.run(
            f"""insert into core.splits (protocol, split_hash, user_id, item_id, event_time, part)
                select $protocol, $split_hash, user_id, item_id, event_time, part
                from ({_parts(protocol)})""",
            {"protocol": protocol, "split_hash": split_hash, **parameters},
        )
    parts = warehouse.query("split_parts").filter(protocol=protocol)["interactions"].sum()
    ((events,),) = warehouse.run("select count(*) from core.interactions")
    if parts != events:
        raise WarehouseError(f"core.splits reads back {parts:,} rows for {events:,} events; run again")


def _parts(protocol: str) -> str:
    return load_sql(f"split_{protocol}")
