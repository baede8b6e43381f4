"""Writing: one process, one transaction, and messages that name the trouble."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from warehouse.connection import DATABASE, Warehouse, writing
from warehouse.errors import WarehouseBusy, WarehouseError
from warehouse.lock import describe_holder

PROJECT = Path(__file__).resolve().parents[2]

HOLD = """
import sys
from pathlib import Path
from warehouse.connection import writing
with writing(Path(sys.argv[1]), "the nightly run"):
    print("held", flush=True)
    sys.stdin.readline()
"""

HOLD_WITHOUT_OUR_LOCK = """
import sys
import duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""

USERS = pl.DataFrame({"user_id": ["a", "b"], "age": [30, 40]}, schema_overrides={"age": pl.Int32})


@contextmanager
def another_process(program: str, argument: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program until it says that it holds the warehouse; end it afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(argument)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )
    assert process.stdin and process.stdout
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def count_users(warehouse: Warehouse) -> int:
    return warehouse.query("users").height


def test_waiter_names_the_holder_and_times_out(tmp_path: Path) -> None:
    messages: list[str] = []
    with (
        another_process(HOLD, tmp_path) as holder,
        pytest.raises(WarehouseBusy, match=rf"process {holder.pid} \(the nightly run, since 20") as caught,
        writing(tmp_path, "mine", timeout_s=0.7, on_wait=messages.append),
    ):
        pytest.fail("two writers at once")
    assert "waited 0.7 s" in str(caught.value)
    assert "lock_timeout_s" in str(caught.value)
    assert len(messages) == 1
    assert f"process {holder.pid} (the nightly run" in messages[0]


def test_waiter_goes_on_when_the_holder_is_done(tmp_path: Path) -> None:
    messages: list[str] = []
    with another_process(HOLD, tmp_path) as holder:

        def let_go(message: str) -> None:
            messages.append(message)
            assert holder.stdin
            holder.stdin.write("\n")
            holder.stdin.flush()

        with writing(tmp_path, "mine", timeout_s=30, on_wait=let_go) as warehouse:
            assert count_users(warehouse) == 0
    assert len(messages) == 1


def test_killed_holder_blocks_nobody(tmp_path: Path) -> None:
    with another_process(HOLD, tmp_path) as holder:
        holder.kill()
        holder.wait()
    assert str(holder.pid) in describe_holder(tmp_path)
    with writing(tmp_path, "mine", timeout_s=0):
        assert f"process {os.getpid()} (mine" in describe_holder(tmp_path)
    assert not (tmp_path / "polyrec.lock.json").exists()


def test_a_holder_that_knows_no_lock_of_ours_is_named_too(tmp_path: Path) -> None:
    with (
        another_process(HOLD_WITHOUT_OUR_LOCK, tmp_path / DATABASE) as holder,
        pytest.raises(WarehouseBusy, match=rf"PID {holder.pid}"),
        writing(tmp_path, "mine", timeout_s=0),
    ):
        pytest.fail("two writers at once")
    with writing(tmp_path, "mine", timeout_s=0):
        pass


def test_inner_blocks_and_threads_share_one_warehouse(tmp_path: Path) -> None:
    seen: list[Warehouse] = []

    def write_in_thread() -> None:
        with writing(tmp_path, "thread") as warehouse:
            seen.append(warehouse)
            warehouse.append("core.users", USERS.head(1))

    with writing(tmp_path, "outer") as outer:
        with writing(tmp_path / ".." / tmp_path.name, "inner") as inner:
            assert inner is outer
        thread = threading.Thread(target=write_in_thread)
        thread.start()
        thread.join()
        assert seen == [outer]
        assert count_users(outer) == 1
    with writing(tmp_path, "later") as later:
        assert later is not outer
        assert count_users(later) == 1


def test_many_threads_write_at_once(warehouse: Warehouse) -> None:
    def write(start: int) -> None:
        for number in range(start, start + 20):
            with warehouse.transaction():
                warehouse.append("core.users", pl.DataFrame({"user_id": [str(number)]}))

    threads = [threading.Thread(target=write, args=(start,)) for start in range(0, 80, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count_users(warehouse) == 80


def test_replace_all_or_where(warehouse: Warehouse) -> None:
    assert warehouse.replace("core.users", USERS) == 2
    assert warehouse.replace("core.users", USERS) == 2
    younger = USERS.head(1).with_columns(age=pl.lit(20, pl.Int32))
    assert warehouse.replace("core.users", younger, where={"user_id": "a"}) == 1
    assert warehouse.query("users")["age"].to_list() == [20, 40]
    assert (
        warehouse.replace("core.users", younger.head(0), where={"user_id": ["a", "x"], "age": (20, 21)}) == 0
    )
    assert warehouse.query("users")["user_id"].to_list() == ["b"]


def test_failed_replace_leaves_the_old_rows(warehouse: Warehouse) -> None:
    warehouse.append("core.users", USERS)
    twice = pl.concat([USERS, USERS])
    with pytest.raises(WarehouseError, match="4 rows do not fit into core.users"):
        warehouse.replace("core.users", twice)
    assert_frame_equal(warehouse.query("users").select("user_id", "age"), USERS)
    assert warehouse.append("core.users", pl.DataFrame({"user_id": ["c"]})) == 1


def test_transaction_is_all_or_nothing(warehouse: Warehouse) -> None:
    def write_and_fail() -> None:
        with warehouse.transaction():
            warehouse.append("core.users", USERS)
            with warehouse.transaction():
                warehouse.append("core.users", pl.DataFrame({"user_id": ["c"]}))
            assert count_users(warehouse) == 3
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    assert count_users(warehouse) == 0
    assert warehouse.append("core.users", USERS) == 2


def test_columns_go_by_name_and_maps_and_vectors_come_back(filled: Warehouse) -> None:
    vectors = filled.query("item_vectors")
    assert vectors.schema["vector"] == pl.Array(pl.Float32, 384)
    assert vectors["vector"].to_numpy()[:, 0].tolist() == [1.0, 2.0]
    filled.append("core.users", pl.DataFrame({"age": [1], "user_id": ["c"]}))
    assert filled.query("user", user_id="c").row(0) == ("c", 1, None, None)


def test_errors_name_what_exists(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="no query 'nothing'.*fit_interactions"):
        warehouse.query("nothing")
    with pytest.raises(WarehouseError, match="no table 'core.nothing'"):
        warehouse.append("core.nothing", USERS)
    with pytest.raises(WarehouseError, match="core.users has no column shoe_size; it has user_id, age"):
        warehouse.append("core.users", USERS.with_columns(shoe_size=pl.lit(42)))
    with pytest.raises(WarehouseError, match="core.users has no column shoe_size"):
        warehouse.replace("core.users", USERS, where={"shoe_size": 42})
    with pytest.raises(WarehouseError, match="query 'user' failed"):
        warehouse.query("user")


def test_a_damaged_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_text("not a database " * 1000)
    with pytest.raises(WarehouseError, match="move it away"), writing(tmp_path, "mine"):
        pytest.fail("opened a damaged file")
    assert not (tmp_path / "polyrec.lock.json").exists()


def test_extensions_are_never_fetched(warehouse: Warehouse) -> None:
    connection = warehouse.second_connection()
    setting = connection.execute("select current_setting('autoinstall_known_extensions')").fetchall()
    connection.close()
    assert setting == [(False,)]


def test_rows_after_an_empty_insert_in_one_transaction_are_seen(tmp_path: Path) -> None:
    """DuckDB 2.0.0 counts them, but hides them from scans and deletes."""
    n = 300_000
    events = pl.DataFrame(
        {"user_id": ["a"] * n, "item_id": ["b"] * n, "value": [1.0] * n, "event_time": range(n)}
    )
    with writing(tmp_path, "test") as warehouse:
        with warehouse.transaction():
            warehouse.append("core.interactions", events.clear())
            warehouse.append("core.interactions", events)
        assert warehouse.query("interactions").height == n
