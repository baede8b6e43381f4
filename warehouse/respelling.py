"""Columns of a staged table shown otherwise than delivered: ids without what a float added, names of objects.

What is set aside keeps the text as delivered.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from warehouse.connection import Warehouse
from warehouse.expressions import trimmed
from warehouse.objects import names_of
from warehouse.sql import name_of, text_of
from warehouse.staging import Staged
from warehouse.validation import numbered, table_of

_OF_OBJECTS = r"^[\[(]*\s*\{|^\[\s*\["


@dataclass(frozen=True)
class Objects:
    """What became of a column's cells that hold objects or nested lists."""

    rows: int  # that have names, or hold nothing
    unread: int  # rows whose objects have no names that can be told
    first: int | None  # number of the first of these, and what stands there
    value: str | None


def respell(warehouse: Warehouse, staged: Staged, columns: Mapping[str, str]) -> None:
    """Let the staged view show columns by SQL of the row `s` as delivered."""
    if not columns:
        return
    view = f"staging.{name_of(staged.kind)}"
    staged.respelled = True
    warehouse.run(f"alter view {view} rename to {name_of(staged.as_delivered)}")
    shown = ", ".join(f"{sql} as {name_of(column)}" for column, sql in columns.items())
    warehouse.run(
        f"create view {view} as select s.* replace ({shown}) from staging.{name_of(staged.as_delivered)} as s"
    )


def look_at_objects(warehouse: Warehouse, staged: Staged, column: str, as_list: bool) -> Objects | None:
    """Hold the names of a column's cells of objects for `names_of_objects`; None where there are none.

    `as_list` says whether they are written as a JSON list, or as text for people. Of a column that is none of
    lists, cells that cannot be read are text.
    """
    delivered, table = name_of(column), table_of(staged.kind, f"names {column}")
    texts = warehouse.frame(
        f"""select {delivered} as raw, count(*) as rows, min({numbered(staged)}) as first
            from staging.{name_of(staged.kind)} as s
            where contains({delivered}, '{{') or contains({delivered}, '[')
            group by raw having regexp_matches({trimmed("raw")}, {text_of(_OF_OBJECTS)}) order by first"""
    )
    found = [names_of(text) for text in texts["raw"]]
    written = [
        None if names is None else json.dumps(names, ensure_ascii=False) if as_list else ", ".join(names)
        for names in found
    ]
    texts = texts.with_columns(pl.Series("names", written, pl.String))
    if not as_list:
        texts = texts.drop_nulls("names")
    if not texts.height:
        return None
    with warehouse.lending("held_names", texts.to_arrow()):
        warehouse.run(f"create or replace table {table} as select raw, names from held_names")
    unread = texts.filter(pl.col("names").is_null())
    first, value = (unread["first"][0], unread["raw"][0]) if unread.height else (None, None)
    n_unread = int(unread["rows"].sum())
    return Objects(int(texts["rows"].sum()) - n_unread, n_unread, first, value)


def names_of_objects(staged: Staged, column: str) -> str:
    """SQL of a column of a staged row `s`, its cells of objects by the names that were held."""
    delivered, table = f"s.{name_of(column)}", table_of(staged.kind, f"names {column}")
    return f"""case when {delivered} in (select raw from {table})
        then (select names from {table} where raw = {delivered}) else {delivered} end"""
