"""Splits, cut by the database: a log may be too large to take into Python as a whole."""

from collections.abc import Iterator, Mapping

import polars as pl

from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.sql import load_sql

BATCH_ROWS = 500_000


def sorted_parts(
    warehouse: Warehouse, protocol: str, parameters: Mapping[str, object]
) -> Iterator[pl.DataFrame]:
    """Frames of user_id, item_id, event_time and part by a protocol, in the order of these columns."""
    ordered = f"from ({load_sql(f'split_{protocol}')}) order by user_id, item_id, event_time, part"
    with warehouse.second_connection() as connection:
        reader = connection.sql(ordered, params=dict(parameters) or None).to_arrow_reader(BATCH_ROWS)
        for batch in reader:
            yield pl.DataFrame(pl.from_arrow(batch))


def write_parts(
    warehouse: Warehouse, protocol: str, parameters: Mapping[str, object], split_hash: str
) -> None:
    """Put the parts by a protocol in the place of core.splits: those of another one may be out of date.

    Raises:
        WarehouseError: they do not read back.
    """
    with warehouse.transaction():
        warehouse.delete("core.splits", {})
        warehouse.run(
            f"""insert into core.splits (protocol, split_hash, user_id, item_id, event_time, part)
                select $protocol, $split_hash, user_id, item_id, event_time, part
                from ({load_sql(f"split_{protocol}")})""",
            {"protocol": protocol, "split_hash": split_hash, **parameters},
        )
        warehouse.execute("split_seen_only", protocol=protocol)
    parts = warehouse.query("split_parts").filter(protocol=protocol)["interactions"].sum()
    events = warehouse.value("select count(*) from core.interactions")
    if parts != events:
        raise WarehouseError(f"core.splits reads back {parts:,} rows for {events:,} events; run again")
