"""From judged rows to core tables by MERGE, and from the others to quarantine; all of it counted.

Everything here runs inside the caller's transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from warehouse.columns import CONTENT, ITEM
from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.sql import text_of
from warehouse.validation import FORGOTTEN, LEFT_OUT, PER_SOURCE, Judging, Rows, table_of

ITEM_COLUMNS = (*CONTENT, "attributes", "image_path", "active", "content_hash")
USER_COLUMNS = ("age", "gender", "occupation", "profile")


@dataclass(frozen=True)
class ItemChanges:
    """What a delivery does to the catalogue."""

    added: int
    updated: int
    deactivated: int
    reactivated: int
    unchanged: int


@dataclass(frozen=True)
class EventChanges:
    """What a delivery does to the event log."""

    added: int
    updated: int
    unchanged: int


def hold_hashes(judging: Judging, hashes: pl.DataFrame) -> None:
    """Put item_id and content_hash beside the judged items."""
    judging.hold(table_of("items", "hashes"), hashes)
    judging.run(
        f"""create or replace table {table_of("items", "whole")} as select i.*, h.content_hash
            from {table_of("items", "used")} as i
            inner join {table_of("items", "hashes")} as h using (item_id)"""
    )


def judged_content(judging: Judging) -> pl.DataFrame:
    """Of each judged item what prompts and vectors may depend on."""
    columns = ", ".join((ITEM, *CONTENT))
    return judging.frame(f"select {columns} from {table_of('items', 'used')} order by {ITEM}")


def item_changes(warehouse: Warehouse) -> ItemChanges:
    """What merging the judged items would do."""
    differs = _differ(ITEM_COLUMNS, "c", "d")
    (row,) = warehouse.run(
        f"""select count(*) filter (c.item_id is null),
                count(*) filter (c.active = d.active and {differs}),
                count(*) filter (c.active and not coalesce(d.active, false)),
                count(*) filter (not c.active and d.active),
                count(*) filter (c.active is not distinct from d.active and not {differs})
            from core.items as c full join {table_of("items", "whole")} as d using (item_id)"""
    )
    return ItemChanges(*row)


def used_counts(warehouse: Warehouse) -> dict[str, int]:
    """How many judged items and interactions can be used."""
    kinds = ("items", "interactions")
    return {kind: warehouse.run(f"select count(*) from {table_of(kind, 'used')}")[0][0] for kind in kinds}


def n_active(warehouse: Warehouse) -> int:
    """How many items are active."""
    return warehouse.run("select count(*) from core.items where active")[0][0]


def merge_items(warehouse: Warehouse) -> None:
    """Update, insert, and deactivate what is no longer delivered."""
    values = ", ".join(f"d.{column}" for column in ITEM_COLUMNS)
    warehouse.run(
        f"""merge into core.items as c using {table_of("items", "whole")} as d on c.item_id = d.item_id
            when matched and {_differ(ITEM_COLUMNS, "c", "d")}
                then update set {", ".join(f"{column} = d.{column}" for column in ITEM_COLUMNS)}
            when not matched then insert (item_id, {", ".join(ITEM_COLUMNS)}) values (d.item_id, {values})
            when not matched by source and c.active then update set active = false"""
    )


def merge_users(warehouse: Warehouse, with_profiles: bool) -> None:
    """Add users of profiles and of the log; profiles that changed are updated."""
    columns = ", ".join(USER_COLUMNS)
    of_log = f"select distinct user_id from {table_of('interactions', 'used')}"
    nothing = ", ".join(f"null as {column}" for column in USER_COLUMNS)
    delivered = f"select user_id, {nothing}, false as given from ({of_log})"
    if with_profiles:
        profiles = table_of("users", "used")
        delivered = f"""select user_id, {columns}, true as given from {profiles} union all
            ({delivered} where user_id not in (select user_id from {profiles}))"""
    warehouse.run(
        f"""merge into core.users as c using ({delivered}) as d on c.user_id = d.user_id
            when matched and d.given and {_differ(USER_COLUMNS, "c", "d")}
                then update set {", ".join(f"{column} = d.{column}" for column in USER_COLUMNS)}
            when not matched then insert (user_id, {columns})
                values (d.user_id, {", ".join(f"d.{column}" for column in USER_COLUMNS)})"""
    )


def merge_interactions(warehouse: Warehouse) -> EventChanges:
    """Add the events that are new by user, item and time, and correct those whose value or type changed."""
    used = table_of("interactions", "used")
    ((before,),) = warehouse.run("select count(*) from core.interactions")
    ((delivered,),) = warehouse.run(f"select count(*) from {used}")
    columns = "user_id, item_id, value, event_time, event_type"
    if not before:
        warehouse.run(f"insert into core.interactions ({columns}) select {columns} from {used}")
        return EventChanges(delivered, 0, 0)
    ((affected,),) = warehouse.run(
        f"""merge into core.interactions as c using {used} as d
            on c.user_id = d.user_id and c.item_id = d.item_id and c.event_time = d.event_time
            when matched and {_differ(("value", "event_type"), "c", "d")}
                then update set value = d.value, event_type = d.event_type
            when not matched then insert ({columns})
                values (d.user_id, d.item_id, d.value, d.event_time, d.event_type)"""
    )
    ((after,),) = warehouse.run("select count(*) from core.interactions")
    return EventChanges(after - before, affected - (after - before), delivered - affected)


def replace_texts(warehouse: Warehouse, table: str, kind: str, columns: Sequence[str]) -> None:
    """Put the judged rows of a kind in the place of a table's rows."""
    listed = ", ".join(columns)
    warehouse.run(f"delete from {table}")
    warehouse.run(f"insert into {table} ({listed}) select {listed} from {table_of(kind, 'used')}")


def set_allowed(warehouse: Warehouse, blocked: Sequence[str], excluded: Sequence[str]) -> int:
    """Apply the catalogue's rules to core.items.allowed; returns how many active items they keep out.

    The rule about an item's events is not among them: it counts those of a fit (queries/recommendable.sql).
    """
    warehouse.run(
        """update core.items as i set allowed = r.allowed
            from (select item_id, not (list_contains(?::varchar[], item_id)
                        or list_has_any(categories, ?::varchar[])) as allowed
                from core.items) as r
            where i.item_id = r.item_id and i.allowed is distinct from r.allowed""",
        [list(blocked), list(excluded)],
    )
    return warehouse.run("select count(*) from core.items where active and not allowed")[0][0]


def rows_aside(judging: Judging, rows: Rows) -> pl.DataFrame:
    """The bad and the merged rows of a kind that need a line: n, place (of the source), record."""
    either = (
        f"select n from {table_of(rows.kind, 'bad')} union all select n from {table_of(rows.kind, 'merged')}"
    )
    return judging.frame(
        f"select n, n // {PER_SOURCE} as place, n % {PER_SOURCE} as record from ({either}) order by n"
    )


def hold_lines(judging: Judging, kind: str, lines: pl.DataFrame) -> None:
    """Put the lines (n, line) of a kind's rows that are not used beside them."""
    judging.hold(table_of(kind, "lines"), lines)


def write_quarantine(warehouse: Warehouse, judging: Judging, kinds: Sequence[Rows]) -> None:
    """Write the bad and the merged rows of all kinds; of forgotten people and quick tries without content.

    One statement a table: rows that DuckDB 2.0 inserts over several threads cannot be read when an insert of
    no rows into the same table went before in the same transaction.
    """
    no_content = f"ends_with(reason, {text_of(FORGOTTEN)}) or contains(reason, {text_of(LEFT_OUT)})"
    kept = f"case when {no_content} then '{{}}' else content end"
    bad, merged = [], []
    for rows in kinds:
        lines = table_of(rows.kind, "lines")
        content = judging.content_of_rows(rows, table_of(rows.kind, "bad"))
        bad.append(
            f"""select kind, source, line, field, reason, {kept} as content
                from ({content}) inner join {lines} using (n)
                union all select kind, source, line, field, reason, coalesce(content, '')
                from staging.bad where kind = {text_of(rows.kind)}"""
        )
        merged.append(
            f"""select {text_of(rows.kind)} as kind, {_source(rows)} as source, line, reason
                from {table_of(rows.kind, "merged")} inner join {lines} using (n)"""
        )
    warehouse.run(
        f"""insert into quarantine.rows (kind, source, line, field, reason, content)
            {" union all ".join(bad)}"""
    )
    warehouse.run(f"insert into quarantine.merged (kind, source, line, reason) {' union all '.join(merged)}")


def write_counts(warehouse: Warehouse, rows: Rows, rows_in: Sequence[int]) -> pl.DataFrame:
    """Count what became of a kind's rows, each count in the table that holds them; write and return them."""
    used = f"(select {_source(rows)} as source from {table_of(rows.kind, 'used')} where n >= 0)"
    for source, delivered in zip(rows.sources, rows_in, strict=True):
        warehouse.run(
            f"""insert into ops.ingest_counts (kind, source, rows_in, used, quarantined, merged)
                select $1, $2, $3, (select count(*) from {used} where source = $2),
                    (select count(*) from quarantine.rows where kind = $1 and source = $2),
                    (select count(*) from quarantine.merged where kind = $1 and source = $2)""",
            [rows.kind, source, delivered],
        )
    return warehouse.query("ingest_counts").filter(pl.col("kind") == rows.kind)


def check_quarantine(warehouse: Warehouse, totals: pl.DataFrame) -> None:
    """Read back what was committed, row by row.

    Raises:
        WarehouseError: the tables do not hold what was counted while they were written.
    """
    for table, column in (("quarantine.rows", "quarantined"), ("quarantine.merged", "merged")):
        ((found,),) = warehouse.run(
            f"""select coalesce(sum(n), 0)::bigint
                from (select reason, count(*) as n from {table} group by reason)"""
        )
        if found != totals[column].sum():
            raise WarehouseError(
                f"{table} reads back {found:,} rows where {totals[column].sum():,} were written; run again"
            )


def clear_quarantine(warehouse: Warehouse) -> None:
    """Forget what the last ingest set aside."""
    for table in ("quarantine.rows", "quarantine.merged", "ops.ingest_counts"):
        warehouse.run(f"delete from {table}")


def _source(rows: Rows) -> str:
    branches = " ".join(f"when {place} then {text_of(source)}" for place, source in enumerate(rows.sources))
    return f"case n // {PER_SOURCE} {branches} end" if branches else "''"


def _differ(columns: Sequence[str], left: str, right: str) -> str:
    tests = (f"{left}.{column} is distinct from {right}.{column}" for column in columns)
    return f"({' or '.join(tests)})"
