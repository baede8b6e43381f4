"""DuckDB 2.0.0 hides rows that follow an insert of none into the same table and transaction.

Only a plain insert sets the trap; a merge, a delete, and an insert that looks for conflicts do not.
`Warehouse.append`, `replace` and `upsert` never send an insert of no rows; statements that are composed or
stored may do so, hence none of them inserts twice into a table within one transaction.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import duckdb
import polars as pl
import pytest

from tasks.ingest.splits import split_interactions
from tasks.settings.data import Data
from tests.ingest.staged import ITEMS, Row, load_rows
from tests.warehouse.conftest import NOW, fill, publish, text_row
from warehouse.connection import Warehouse
from warehouse.forgetting import forget_rows
from warehouse.retention import compact
from warehouse.snapshot import write_snapshot
from warehouse.spool import Spool
from warehouse.sql import DUCKDB_CONFIG, load_sql

N = 300_000
PLAIN_INSERT = re.compile(r"^\s*insert\s+into\s+([\w.]+)", re.IGNORECASE | re.MULTILINE)
LOG: list[Row] = [("user_id", "item_id"), ("a", "1"), ("b", "2"), ("a", "9")]
SCORE = {"run_id": "r", "fit": "all", "matcher": "ease", "item_id": "1", "score": 0.5}
ONE_ROW_EACH = {"ops.ingest_counts"}  # a row is written whatever there is to count


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Counter[str]]]:
    """Plain inserts by statement, a counter a transaction: table to how many."""
    transactions: list[Counter[str]] = []
    run, execute, transaction = Warehouse.run, Warehouse.execute, Warehouse.transaction

    def note(self: Warehouse, statement: str) -> None:
        if self._depth:
            transactions[-1].update(PLAIN_INSERT.findall(statement))

    def noted_run(self: Warehouse, statement: str, *rest: Any) -> list[Any]:
        note(self, statement)
        return run(self, statement, *rest)

    def noted_execute(self: Warehouse, name: str, /, **parameters: object) -> None:
        note(self, load_sql(name))
        execute(self, name, **parameters)

    @contextmanager
    def noted_transaction(self: Warehouse) -> Iterator[None]:
        if not self._depth:
            transactions.append(Counter())
        with transaction(self):
            yield

    with monkeypatch.context() as patched:
        patched.setattr(Warehouse, "run", noted_run)
        patched.setattr(Warehouse, "execute", noted_execute)
        patched.setattr(Warehouse, "transaction", noted_transaction)
        yield transactions


def ingest(warehouse: Warehouse) -> None:
    for _ in range(2):
        load_rows(
            warehouse,
            LOG,
            ITEMS,
            users=[("user_id", "city"), ("a", "Bonn"), ("", "x")],
            searches=[("user_id", "query", "time"), ("a", "red", "1000")],
            triples=[("head", "relation", "tail"), ("1", "by", "Mann")],
        )


def split(warehouse: Warehouse) -> None:
    for protocol in ("cold_item", "temporal_user"):
        split_interactions(warehouse, Data(protocol=protocol), 0)


def retain(warehouse: Warehouse) -> None:
    fill(warehouse)
    publish(warehouse, "p", 0.5)
    for days in (0, 100):
        compact(warehouse, 1, 90, 30, NOW + timedelta(days=days))


def forget(warehouse: Warehouse) -> None:
    fill(warehouse)
    forget_rows(warehouse, "a")


@pytest.mark.parametrize(
    ("do", "inserts"),
    [
        (ingest, {"core.interactions", "core.searches", "core.triples", "quarantine.rows"}),
        (split, {"core.splits"}),
        (retain, set()),
        (forget, set()),
    ],
)
def test_no_transaction_inserts_twice_into_a_table(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, do: Callable[[Warehouse], None], inserts: set[str]
) -> None:
    with counting(monkeypatch) as transactions:
        do(warehouse)
    assert transactions and inserts <= {table for counts in transactions for table in counts}
    for counts in transactions:
        assert not {table for table, n in counts.items() if n > 1} - ONE_ROW_EACH


def test_a_second_insert_is_noticed(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    with counting(monkeypatch) as transactions, warehouse.transaction():
        for _ in range(2):
            warehouse.run("insert into core.users (user_id) select 'a' where false")
    assert transactions == [Counter({"core.users": 2})]


def test_shards_of_no_rows_and_of_many_are_loaded_after_one_another(warehouse: Warehouse) -> None:
    spool = Spool(warehouse)
    users = [str(n) for n in range(N)]
    scores = pl.DataFrame({"user_id": users}).with_columns(
        *(pl.lit(value).alias(name) for name, value in SCORE.items())
    )
    with warehouse.transaction():  # at its worst: one transaction for all of them
        for frame in (scores.clear(), scores, scores.clear(), scores):
            path = spool.write("matching", "all", "0_of_1", "x", "matching.scores", frame, {"fit": "all"})
            spool.commit(path)
    assert warehouse.run("select count(distinct user_id) from matching.scores where score > 0") == [(N,)]
    texts = pl.DataFrame([text_row(str(n), 0, "For all.") for n in range(2_000)])
    with warehouse.transaction():
        for frame in (texts.clear(), texts):
            spool.commit(spool.write("corpus", "", "0_of_1", "x", "features.texts", frame))
    assert warehouse.run("select count(distinct item_id) from features.texts where slot = 0") == [(2_000,)]


def test_copies_of_empty_tables_hide_nothing(warehouse: Warehouse) -> None:
    """A snapshot, and the file without a forgotten person's bytes, are written whole in one transaction."""
    fill(warehouse)
    events = pl.DataFrame({"user_id": [str(n) for n in range(N)], "event_time": range(N)})
    warehouse.replace("core.interactions", events.with_columns(item_id=pl.lit("1"), value=pl.lit(1.0)))
    publish(warehouse, "p", 0.5)
    path = write_snapshot(warehouse, "p")
    count = "select count(distinct user_id) from core.interactions where value > 0"
    with duckdb.connect(path, read_only=True, config=DUCKDB_CONFIG) as snapshot:
        assert snapshot.execute(count).fetchall() == [(N,)]
    warehouse.rewrite()
    assert warehouse.run(count) == [(N,)]


def test_searches_and_triples_come_back_after_a_load_without_any(warehouse: Warehouse) -> None:
    some = [(str(n), "q", str(n)) for n in range(2_000)]
    for rows in ([], some, some, [], some):
        searches: list[Row] = [("user_id", "query", "time"), *rows]
        load_rows(warehouse, LOG, ITEMS, searches=searches, triples=[("head", "relation", "tail"), *rows])
        for table in ("core.searches", "core.triples"):
            assert warehouse.run(f"select count(*) from (select distinct * from {table})") == [(len(rows),)]
