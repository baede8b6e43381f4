"""Tables of PostgreSQL: a real server where there is one, and what is said without the driver."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tasks.ingest.reading import source_name, stage
from tasks.settings.data import Table
from warehouse.connection import writing
from warehouse.errors import SourceError
from warehouse.postgresql import read_table

SERVER = os.environ.get("TEST_POSTGRESQL", "")
NEEDS_SERVER = pytest.mark.skipif(
    not SERVER or find_spec("adbc_driver_postgresql") is None,
    reason="needs adbc-driver-postgresql, and TEST_POSTGRESQL=postgresql://user@host/name",
)


def test_names_hold_no_password() -> None:
    table = Table(connection="postgresql://me:secret@host:5433/shop?sslmode=require", table="public.items")
    assert source_name(table) == "postgresql://me@host:5433/shop:public.items"


def test_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with pytest.raises(SourceError, match="pip install adbc-driver-postgresql"):
        read_table("postgresql://host/shop", "items", "the shop")


@NEEDS_SERVER
def test_real_server(tmp_path: Path) -> None:
    from importlib import import_module

    dbapi = import_module("adbc_driver_postgresql.dbapi")
    with dbapi.connect(SERVER, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute('drop table if exists "polyrec test"')
        cursor.execute(
            'create table "polyrec test" as select n as id, n * 1.0::float8 as f, 1.50::numeric as price, '
            "timestamptz '2024-01-02 03:04:05+00' as t, array['x', 'y'] as tags, null::text as nothing, "
            "'{\"a\": 1}'::jsonb as more, date '2020-02-03' as d, true as yes from generate_series(1, 3) n"
        )
    table = Table(connection=SERVER, table="public.polyrec test")
    with writing(tmp_path, "a test") as warehouse, warehouse.second_connection() as reading:
        staged = stage(warehouse, "items", table, tmp_path)
        rows = reading.execute("select * from staging.items order by record").fetchall()
    source = source_name(table)
    assert staged.rows_in == {source: 3}
    assert staged.lines(source, [2, 0]) == [3, 1]
    times = ("2024-01-02 03:04:05+00", '["x","y"]', None, '{"a": 1}', "2020-02-03", "true")
    assert rows[0] == (source, 0, "1", "1", "1.50", *times)
    with pytest.raises(SourceError, match=r"(?s)cannot read .*nowhere.*in the TOML"):
        read_table(SERVER, "nowhere", source_name(Table(connection=SERVER, table="nowhere")))
