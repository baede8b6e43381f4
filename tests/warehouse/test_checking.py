"""What a check copies from the real warehouse: also from an older one, and without changing it."""

from pathlib import Path

import duckdb
import pytest

from warehouse.checking import copy_known
from warehouse.connection import DATABASE, writing
from warehouse.errors import WarehouseError


def test_an_older_warehouse_knows_less(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    with duckdb.connect(old / DATABASE) as connection:
        connection.execute("create schema core")
        connection.execute(
            "create table core.items as select '1' as item_id, 'Heat' as title, 1995 as year, "
            "['Crime'] as categories, 'h' as content_hash"
        )
    with writing(tmp_path / "new", "a test") as warehouse:
        copy_known(warehouse, old, 1)
        assert warehouse.run("select item_id, categories, active from core.items") == [("1", ["Crime"], True)]
        assert warehouse.run("from ops.forgotten") == []


def test_without_a_warehouse_nothing_is_known_and_none_is_made(tmp_path: Path) -> None:
    with writing(tmp_path / "new", "a test") as warehouse:
        copy_known(warehouse, tmp_path / "none", 1)
        assert warehouse.run("from core.items") == []
    assert not (tmp_path / "none").exists()


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_text("no database" * 1000)
    with writing(tmp_path / "new", "a test") as warehouse:
        with pytest.raises(WarehouseError, match="cannot read .*if it is damaged, move it away"):
            copy_known(warehouse, tmp_path, 1)
        assert warehouse.run("from core.items") == []
