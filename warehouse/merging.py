"""From validated rows to core tables by MERGE, and from the others to quarantine; all of it counted.

Everything here runs inside the caller's transaction.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from warehouse.columns import CONTENT, ITEM, TIME, USER, VALUE
from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.sql import text_of
from warehouse.staging import Staged
from warehouse.validation import FORGOTTEN, LEFT_OUT, PER_SOURCE, content_of_rows, table_of
from warehouse.validation_events import SEEN_ONLY

ITEM_COLUMNS = (*CONTENT, "attributes", "image_path", "active", "content_hash")
USER_COLUMNS = ("age", "gender", "occupation", "profile")


def hold_hashes(warehouse: Warehouse, hashes: pl.DataFrame) -> None:
    """Put item_id and content_hash beside the validated items."""
    hashed = f"select * from {table_of('items', 'used')} inner join held_rows using (item_id)"
    _hold(warehouse, table_of("items", "whole"), hashes, hashed)


def hold_lines(warehouse: Warehouse, kind: str, lines: pl.DataFrame) -> None:
    """Put the lines (n, line) of a kind's rows that are not used beside them."""
    _hold(warehouse, table_of(kind, "lines"), lines)


def _hold(
    warehouse: Warehouse, table: str, frame: pl.DataFrame, rows: str = "select * from held_rows"
) -> None:
    with warehouse.lending("held_rows", frame.to_arrow()):
        warehouse.run(f"create or replace table {table} as {rows}")


def validated_content(warehouse: Warehouse) -> pl.DataFrame:
    """Of each validated item what prompts and vectors may depend on."""
    columns = ", ".join((ITEM, *CONTENT))
    return warehouse.frame(f"select {columns} from {table_of('items', 'used')} order by {ITEM}")


def item_changes(warehouse: Warehouse) -> dict[str, int]:
    """How many items a merge of the validated ones would change, by what would become of them."""
    differs = _differ(ITEM_COLUMNS)
    return warehouse.frame(
        f"""select count(*) filter (c.item_id is null) as added,
                count(*) filter (c.active = d.active and {differs}) as updated,
                count(*) filter (c.active and not coalesce(d.active, false)) as deactivated,
                count(*) filter (not c.active and d.active) as reactivated,
                count(*) filter (c.active is not distinct from d.active and not {differs}) as unchanged
            from core.items as c full join {table_of("items", "whole")} as d using (item_id)"""
    ).row(0, named=True)


def _merge(
    warehouse: Warehouse,
    table: str,
    delivered: str,
    keys: Sequence[str],
    columns: Sequence[str],
    further: str = "",
    updates: str = "true",
) -> int:
    """Insert rows with new keys and update those whose columns differ, where `updates`; returns how many."""
    inserted = (*keys, *columns)
    ((affected,),) = warehouse.run(
        f"""merge into {table} as c using {delivered} as d
            on {" and ".join(f"c.{key} = d.{key}" for key in keys)}
            when matched and {updates} and {_differ(columns)}
                then update set {", ".join(f"{column} = d.{column}" for column in columns)}
            when not matched then insert ({", ".join(inserted)})
                values ({", ".join(f"d.{column}" for column in inserted)}) {further}"""
    )
    return affected


def merge_items(warehouse: Warehouse) -> None:
    """Update, insert, and deactivate what is no longer delivered."""
    gone = "when not matched by source and c.active then update set active = false"
    _merge(warehouse, "core.items", table_of("items", "whole"), (ITEM,), ITEM_COLUMNS, gone)


def merge_users(warehouse: Warehouse) -> None:
    """Add users of profiles and of the log; profiles that changed are updated."""
    profiles, columns = table_of("users", "used"), ", ".join(USER_COLUMNS)
    nothing = ", ".join(f"null as {column}" for column in USER_COLUMNS)
    delivered = f"""(select user_id, {columns}, true as given from {profiles} union all
        select distinct user_id, {nothing}, false as given from (
            select user_id from {table_of("interactions", "used")}
            union all select user_id from {table_of("interactions", SEEN_ONLY)})
        where user_id not in (select user_id from {profiles}))"""
    _merge(warehouse, "core.users", delivered, (USER,), USER_COLUMNS, updates="d.given")


def merge_interactions(warehouse: Warehouse) -> dict[str, int]:
    """Add events that are new by user, item and time, correct those that changed; count those of interest.

    An event that is seen only by now leaves those of interest. Where another event of the same time is of
    interest, the one that is seen only adds nothing.
    """
    counts = _merge_events(warehouse, "core.interactions", "used", (VALUE, "event_type"))
    seen, keys = table_of("interactions", SEEN_ONLY), (USER, ITEM, TIME)
    if warehouse.value(f"select count(*) from {seen}"):
        same = " and ".join(f"c.{key} is not distinct from d.{key}" for key in (*keys, "event_type"))
        warehouse.run(f"delete from core.interactions as c using {seen} as d where {same}")
        _merge_events(warehouse, "core.seen_only", SEEN_ONLY, (VALUE, "event_type", "reason"))
    if warehouse.value("select count(*) from core.seen_only"):
        same = " and ".join(f"c.{key} = d.{key}" for key in keys)
        warehouse.run(f"delete from core.seen_only as c using core.interactions as d where {same}")
    return counts


def _merge_events(warehouse: Warehouse, table: str, what: str, columns: Sequence[str]) -> dict[str, int]:
    """Merge the validated events of one sort into their table, and count."""
    before = warehouse.value(f"select count(*) from {table}")
    delivered = warehouse.value(f"select count(*) from {table_of('interactions', what)}")
    keys = (USER, ITEM, TIME)
    if not before:
        put(warehouse, table, "interactions", (*keys, *columns), what)
        return {"added": delivered, "updated": 0, "unchanged": 0}
    affected = _merge(warehouse, table, table_of("interactions", what), keys, columns)
    added = warehouse.value(f"select count(*) from {table}") - before
    return {"added": added, "updated": affected - added, "unchanged": delivered - affected}


def put(warehouse: Warehouse, table: str, kind: str, columns: Sequence[str], what: str = "used") -> None:
    """Put validated rows of a kind in the place of a table's rows."""
    listed = ", ".join(columns)
    warehouse.delete(table, {})
    warehouse.run(f"insert into {table} ({listed}) select {listed} from {table_of(kind, what)}")


def set_allowed(warehouse: Warehouse, blocked: Sequence[str], excluded: Sequence[str]) -> int:
    """Apply the catalogue's rules to core.items.allowed; returns how many active items they keep out.

    The rule about an item's events is not among them: it counts those of a fit (queries/recommendable.sql).
    """
    warehouse.execute("allow_items", blocked=blocked, excluded=excluded)
    return warehouse.value("select count(*) from core.items where active and not allowed")


def rows_aside(warehouse: Warehouse, kind: str) -> pl.DataFrame:
    """The bad and the merged rows of a kind that need a line: n, place (of the source), record."""
    bad, merged = table_of(kind, "bad"), table_of(kind, "merged")
    either = f"select n from {bad} union all select n from {merged}"
    return warehouse.frame(
        f"select n, n // {PER_SOURCE} as place, n % {PER_SOURCE} as record from ({either}) order by n"
    )


def write_quarantine(warehouse: Warehouse, kinds: Mapping[str, Staged]) -> None:
    """Write the bad and the merged rows of all kinds; of forgotten people and quick tries without content.

    One statement a table: rows that DuckDB 2.0 inserts over several threads cannot be read when an insert of
    no rows into the same table went before in the same transaction.
    """
    no_content = f"ends_with(reason, {text_of(FORGOTTEN)}) or contains(reason, {text_of(LEFT_OUT)})"
    kept = f"case when {no_content} then '{{}}' else content end"
    bad, merged = [], []
    for kind, staged in kinds.items():
        lines = table_of(kind, "lines")
        bad.append(
            f"""select kind, source, line, field, reason, {kept} as content
                from ({content_of_rows(staged, table_of(kind, "bad"))}) inner join {lines} using (n)
                union all select kind, source, line, field, reason, coalesce(content, '')
                from staging.bad where kind = {text_of(kind)}"""
        )
        merged.append(
            f"""select {text_of(kind)} as kind, {_source(staged)} as source, line, reason
                from {table_of(kind, "merged")} inner join {lines} using (n)"""
        )
    warehouse.run(
        f"""insert into quarantine.rows (kind, source, line, field, reason, content)
            {" union all ".join(bad)}"""
    )
    warehouse.run(f"insert into quarantine.merged (kind, source, line, reason) {' union all '.join(merged)}")


def write_counts(warehouse: Warehouse, staged: Staged) -> pl.DataFrame:
    """Count what became of a kind's rows, each count in the table that holds them; write and return them."""
    kind, of_source = staged.kind, f"select {_source(staged)} as source from"
    used = f"({of_source} {table_of(kind, 'used')} where n >= 0)"
    seen = (
        f"({of_source} {table_of(kind, SEEN_ONLY)})"
        if kind == "interactions"
        else "(select '' as source where false)"
    )
    for source, rows_in in staged.rows_in.items():
        warehouse.run(
            f"""insert into ops.ingest_counts (kind, source, rows_in, used, seen_only, quarantined, merged)
                select $1, $2, $3, (select count(*) from {used} where source = $2),
                    (select count(*) from {seen} where source = $2),
                    (select count(*) from quarantine.rows where kind = $1 and source = $2),
                    (select count(*) from quarantine.merged where kind = $1 and source = $2)""",
            [staged.kind, source, rows_in],
        )
    return warehouse.query("ingest_counts").filter(pl.col("kind") == staged.kind)


def check_quarantine(warehouse: Warehouse, totals: pl.DataFrame) -> None:
    """Read back what was committed, row by row.

    Raises:
        WarehouseError: the tables do not hold what was counted while they were written.
    """
    for table, column in (("quarantine.rows", "quarantined"), ("quarantine.merged", "merged")):
        found = warehouse.value(
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
        warehouse.delete(table, {})


def _source(staged: Staged) -> str:
    branches = " ".join(f"when {place} then {text_of(name)}" for place, name in enumerate(staged.sources))
    return f"case n // {PER_SOURCE} {branches} end" if branches else "''"


def _differ(columns: Sequence[str]) -> str:
    return f"({' or '.join(f'c.{column} is distinct from d.{column}' for column in columns)})"
