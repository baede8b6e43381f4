"""A person is gone from every table, snapshot and byte; the others are not."""

import json
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.warehouse.conftest import fill, publish
from warehouse.columns import USER
from warehouse.connection import DATABASE, Warehouse, writing
from warehouse.errors import WarehouseError
from warehouse.forgetting import forget_in_snapshots, forget_rows, rows_of
from warehouse.snapshot import reading, write_snapshot
from warehouse.spool import Spool

PERSON = "person-5f0c2b7ce1ba4b7d9e60-of-a-long-and-unique-id"


def fill_person(warehouse: Warehouse, with_others: bool = True) -> None:
    """Rows of the person in every table that has users, beside those of others."""
    fill(warehouse)
    with warehouse.second_connection() as connection:
        tables = warehouse.query("tables_with_column", column=USER)["table_name"].to_list()
        for table in tables:
            columns = warehouse.query(
                "table_columns", **dict(zip(("schema", "table"), table.split("."), strict=True))
            )
            values = [_value(*row) for row in columns.rows()]
            for user in (PERSON, "c"):
                connection.execute(f"insert into {table} values ({', '.join(values)})".replace("USER", user))
    names = [json.dumps({"userId": PERSON, "n": "x"}), json.dumps([PERSON, "9"]), f"{PERSON};7;3"]
    others = [json.dumps({"userId": PERSON + "0"}), json.dumps({"note": f"not {PERSON}"}), f"{PERSON}0;7"]
    rows = [
        {"kind": "users", "source": "u.csv", "line": n, "reason": "r", "content": text}
        for n, text in enumerate(names + (others if with_others else []))
    ]
    warehouse.append("quarantine.rows", pl.DataFrame(rows))


def _value(column: str, kind: str) -> str:
    if column == USER:
        return "'USER'"
    if column == "effect":
        return "'excluded'"
    if kind.endswith("[]"):
        return "[]"
    if kind.startswith("FLOAT["):
        return f"[{','.join(['0.5'] * 384)}]::{kind}"
    if kind.startswith("MAP"):
        return "map {'ease': 1.0}"
    return "'train'" if kind == "VARCHAR" else "1"


def test_every_table_that_has_users_is_found(warehouse: Warehouse) -> None:
    fill_person(warehouse)
    found = rows_of(warehouse, PERSON)
    assert set(found) >= {
        "core.users",
        "core.interactions",
        "core.splits",
        "core.searches",
        "features.user_vectors",
        "matching.scores",
        "serving.recommendations",
        "evaluation.lists",
        "evaluation.per_user",
    }
    assert found.pop("quarantine.rows") == 3
    assert set(found.values()) == {1}
    assert forget_rows(warehouse, PERSON) == {**found, "quarantine.rows": 3}
    assert rows_of(warehouse, PERSON) == {}
    assert set(rows_of(warehouse, "c")) == set(found)
    assert rows_of(warehouse, "a")["core.interactions"] == 2


def test_a_table_of_tomorrow_is_covered(filled: Warehouse) -> None:
    with filled.second_connection() as connection:
        connection.execute('create table core."odd name" (user_id varchar, note varchar)')
        connection.execute("insert into core.\"odd name\" values ('a', 'x'), ('b', 'y')")
    assert forget_rows(filled, "a")["core.odd name"] == 1
    assert rows_of(filled, "b")["core.odd name"] == 1


def test_quarantine_of_others_stays(warehouse: Warehouse) -> None:
    fill_person(warehouse)
    forget_rows(warehouse, PERSON)
    assert rows_of(warehouse, PERSON + "0") == {"quarantine.rows": 2}


def test_no_byte_of_the_id_is_left_in_any_file(tmp_path: Path) -> None:
    def files_with_id() -> set[str]:
        return {
            path.name
            for path in tmp_path.rglob("*")
            if path.is_file() and PERSON.encode() in path.read_bytes()
        }

    with writing(tmp_path, "a test") as warehouse:
        fill_person(warehouse, with_others=False)
        publish(warehouse, "p1", 0.5)
        write_snapshot(warehouse, "p1")
        publish(warehouse, "p2", 0.5)
        write_snapshot(warehouse, "p2")
    assert files_with_id() == {DATABASE, "snapshot-p1.duckdb", "snapshot-p2.duckdb"}
    with writing(tmp_path, "a test") as warehouse:
        assert not forget_in_snapshots(warehouse, "nobody")
        forget_rows(warehouse, PERSON)
        assert forget_in_snapshots(warehouse, PERSON) == ["snapshot-p1.duckdb", "snapshot-p2.duckdb"]
        warehouse.rewrite()
        assert not files_with_id()
        assert warehouse.query("history", user_id="a", limit=9).height == 2  # open as before
        warehouse.append("core.users", pl.DataFrame({"user_id": ["later"]}))
    assert not files_with_id()
    with reading(tmp_path) as snapshot:
        assert snapshot.query("current_publication")["publication_id"].item() == "p2"
        assert (
            snapshot.query("user", user_id=PERSON).is_empty() and snapshot.query("user", user_id="b").height
        )
    with writing(tmp_path, "a test") as warehouse:  # its migrations and keys came along
        assert warehouse.query("user", user_id="later").height == 1
        assert warehouse.has_primary_key("core.users")


def test_bytes_stay_without_the_rewriting(tmp_path: Path) -> None:
    """The test above can fail: deleting alone, and a checkpoint, leave them."""
    with writing(tmp_path, "a test") as warehouse:
        fill_person(warehouse)
        with warehouse.second_connection() as connection:
            connection.execute("checkpoint")
        forget_rows(warehouse, PERSON)
    assert PERSON.encode() in (tmp_path / DATABASE).read_bytes()


def test_rewriting_keeps_everything_and_leaves_nothing_behind(filled: Warehouse) -> None:
    publish(filled, "p1", 0.5)
    tables = ("core.items", "features.vectors_minilm", "serving.recommendations", "core.splits")
    with filled.second_connection() as connection:
        before = [connection.execute(f"select * from {table} order by all").fetchall() for table in tables]
        shape = "select table_name, constraint_type, constraint_text from duckdb_constraints() order by all"
        constraints = connection.execute(shape).fetchall()
    (filled.folder / f"{DATABASE}.new").write_bytes(b"half a copy of a killed run")
    filled.rewrite()
    with filled.second_connection() as connection:
        after = [connection.execute(f"select * from {table} order by all").fetchall() for table in tables]
        assert connection.execute(shape).fetchall() == constraints
    assert after == before
    assert not list(filled.folder.glob(f"{DATABASE}.*"))
    with filled.transaction(), pytest.raises(WarehouseError, match="inside a transaction"):
        filled.rewrite()


def test_what_a_killed_run_left_in_the_spool_is_removed_too(filled: Warehouse) -> None:
    spool = Spool(filled)
    rows = pl.DataFrame({"user_id": [PERSON, "b"], "age": [1, 2]})
    spool.write("ingest", "", "all", "f", "core.users", rows)
    assert forget_rows(filled, PERSON) == {"core.users": 1}
    assert not list(spool.folder.iterdir())
    assert filled.query("user", user_id="b")["age"].item() == 2


def test_unknown_user_and_one_that_was_forgotten_before(filled: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="no user 'z' in any table"):
        forget_rows(filled, "z")
    assert filled.frame("from ops.forgotten").is_empty()
    forget_rows(filled, "a")
    assert forget_rows(filled, "a") == {}
    assert filled.frame("from ops.forgotten").height == 1


def test_only_salted_hashes_are_kept(filled: Warehouse) -> None:
    forget_rows(filled, "a")
    forget_rows(filled, "b")
    kept = filled.frame("from ops.forgotten")
    assert kept["salt"].n_unique() == 1 and len(kept["salt"][0]) == 32
    assert kept["user_hash"].str.len_chars().to_list() == [64, 64]


def test_salts_differ_between_warehouses(tmp_path: Path) -> None:
    hashes = set()
    for name in ("one", "two"):
        with writing(tmp_path / name, "a test") as warehouse:
            warehouse.append("core.users", pl.DataFrame({"user_id": ["a"]}))
            forget_rows(warehouse, "a")
            hashes.add(warehouse.frame("from ops.forgotten")["user_hash"].item())
    assert len(hashes) == 2


def test_a_snapshot_that_cannot_be_read_is_removed(filled: Warehouse) -> None:
    folder = filled.folder / "snapshots"
    folder.mkdir()
    (folder / "snapshot-old.duckdb").write_bytes(b"damaged")
    assert forget_in_snapshots(filled, "a") == ["snapshot-old.duckdb"]
    with pytest.raises(duckdb.Error):
        duckdb.connect(folder / "snapshot-old.duckdb", read_only=True)
