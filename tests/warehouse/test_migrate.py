"""Migrations: ordered, once, undone whole when they fail."""

from pathlib import Path

import duckdb
import pytest

from warehouse.errors import WarehouseError
from warehouse.migrate import MIGRATIONS, migrate


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}


def test_each_is_applied_once_in_order(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "m002_second.sql").write_text("alter table t add column b integer;")
    (tmp_path / "m001_first.sql").write_text("create table t (a integer);")
    assert migrate(connection, tmp_path) == ["m001_first", "m002_second"]
    assert migrate(connection, tmp_path) == []
    (tmp_path / "m003_third.sql").write_text("create table u (a integer); insert into t values (1, 2);")
    assert migrate(connection, tmp_path) == ["m003_third"]
    assert connection.execute("select a, b from t").fetchall() == [(1, 2)]


def test_failed_one_is_undone(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    bad = tmp_path / "m001_first.sql"
    bad.write_text("create table t (a integer); insert into t values ('x');")
    with pytest.raises(WarehouseError, match="m001_first failed and was undone"):
        migrate(connection, tmp_path)
    assert "t" not in tables(connection)
    bad.write_text("create table t (a integer);")
    assert migrate(connection, tmp_path) == ["m001_first"]


def test_edited_one_is_refused(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    file = tmp_path / "m001_first.sql"
    file.write_text("create table t (a integer);")
    migrate(connection, tmp_path)
    file.write_text("create table t (a bigint);")
    with pytest.raises(WarehouseError, match="m001_first was edited"):
        migrate(connection, tmp_path)


def test_newer_warehouse_is_refused(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    file = tmp_path / "m002_later.sql"
    file.write_text("create table t (a integer);")
    migrate(connection, tmp_path)
    file.unlink()
    with pytest.raises(WarehouseError, match="newer version.*m002_later"):
        migrate(connection, tmp_path)


def test_ours_apply(connection: duckdb.DuckDBPyConnection) -> None:
    assert migrate(connection) == [path.stem for path in sorted(MIGRATIONS.glob("m*.sql"))]
    assert {"items", "texts", "scores", "recommendations", "shards"} <= tables(connection)
