"""A column of a sample read as validation would read it: for drafting a configuration before there is one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import polars as pl

from tasks.settings.data import Interactions
from warehouse.expressions import DAY_S
from warehouse.numbers import NumberForms, look_at_numbers, number_of
from warehouse.sql import DUCKDB_CONFIG
from warehouse.times import Run, TimeForms, TimeRules, begin_of, in_window, look_at_times, time_of


def read_times(values: pl.Series) -> tuple[TimeForms, pl.Series]:
    """What a column of texts holds when it is taken for times, and each time.

    Int64, in seconds since 1970 UTC or positions in an order; null where a text is no plausible time.
    """
    rules = TimeRules(begin_of(Interactions().earliest), int(time.time()) + DAY_S)
    with _table(values) as run:
        forms = look_at_times(run, "sample", "x", rules)
        plausible = f"case when {in_window('t', forms)} then t end"
        found = run(f"select {plausible} from (select n, {time_of('x', forms)} as t from sample) order by n")
    return forms, pl.Series(values.name, [row[0] for row in found], pl.Int64)


def read_numbers(values: pl.Series) -> tuple[NumberForms, pl.Series]:
    """What a column of texts holds when it is taken for numbers, and each number: Float64, null if none."""
    with _table(values) as run:
        forms = look_at_numbers(run, "sample", "x", None)
        found = run(f"select {number_of('x', forms)} from sample order by n")
    return forms, pl.Series(values.name, [row[0] for row in found], pl.Float64)


@contextmanager
def _table(values: pl.Series) -> Iterator[Run]:
    """The column `x` of the table `sample`, in the order of `n`."""
    with duckdb.connect(config=DUCKDB_CONFIG) as connection:
        frame = pl.DataFrame({"x": values.cast(pl.String)}).with_row_index("n")
        connection.register("delivered", frame.to_arrow())
        connection.execute("create table sample as from delivered")
        yield lambda statement: connection.execute(statement).fetchall()
