"""The writing side of the warehouse: one process, one connection, shared by that process's threads."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, RLock
from typing import Any

import duckdb
import polars as pl

from warehouse.errors import WarehouseError
from warehouse.lock import LOOK_EVERY_S, busy, exclusive, say_to_stderr
from warehouse.migrate import migrate
from warehouse.sql import DUCKDB_CONFIG, fetch, load_sql, name_of, plain, quoted, run_query, text_of

DATABASE = "polyrec.duckdb"


class Warehouse:
    """Reads and writes tables; get one from `writing`. Threads take turns, call by call."""

    def __init__(self, folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.folder = folder
        self._connection = connection
        self._turn = RLock()
        self._depth = 0

    def query(self, name: str, /, **parameters: object) -> pl.DataFrame:
        """Run warehouse/queries/<name>.sql with its `$parameters` and return all its rows."""
        with self._turn:
            return run_query(self._connection, name, parameters)

    def execute(self, name: str, /, **parameters: object) -> None:
        """Run warehouse/queries/<name>.sql for its effect."""
        self.run(load_sql(name), plain(parameters), f"statement '{name}'")

    def run(
        self,
        statement: str,
        parameters: Sequence[object] | Mapping[str, object] = (),
        what: str = "a composed statement",
    ) -> list[Any]:
        """Run a statement that a module of warehouse/ composed, and return all its rows."""
        with self._turn:
            try:
                values = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
                return self._connection.execute(statement, values).fetchall()
            except duckdb.Error as error:
                raise WarehouseError(f"{what} failed: {error}") from error

    def value(self, statement: str) -> Any:
        """The one value that a composed statement gives."""
        return self.run(statement)[0][0]

    def frame(self, statement: str) -> pl.DataFrame:
        """All rows of a composed statement, of which there may be very many."""
        with self._turn:
            return fetch(self._connection, statement, {}, "a composed statement")

    @contextmanager
    def lending(self, name: str, rows: object) -> Iterator[None]:
        """Let statements inside read rows of Arrow as the table `name`."""
        with self._turn:
            self._connection.register(name, rows)
            try:
                yield
            finally:
                # A failed transaction allows nothing but its rollback, which forgets the name too.
                with suppress(duckdb.TransactionException):
                    self._connection.unregister(name)

    @contextmanager
    def memory_limit(self, size: str) -> Iterator[None]:
        """Let DuckDB hold no more than `size`, such as "2GB", inside; what does not fit goes to disk."""
        self.run(f"set memory_limit = {text_of(size)}")
        try:
            yield
        finally:
            self.run("reset memory_limit")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing for what is done inside; inner transactions join the outer one."""
        with self._turn:
            outermost = self._depth == 0
            if outermost:
                self._connection.begin()
            self._depth += 1
            try:
                yield
            except BaseException:
                if outermost:
                    self._connection.rollback()
                raise
            else:
                if outermost:
                    self._connection.commit()
            finally:
                self._depth -= 1

    def replace(self, table: str, frame: pl.DataFrame, where: Mapping[str, object] | None = None) -> int:
        """Put `frame` in the place of rows of a table, in one transaction; returns how many rows it has.

        Columns are matched by name; ones left out take their default. A map column is a `pl.Map`: cast one
        from a list of key-value structs, which is a hundred times faster than from dicts. `where` says which
        rows go: column to value, or to a list of values; all of them when not given.
        """
        with self.transaction():
            self.delete(table, where or {})
            return self._insert("insert", table, frame)

    def delete(self, table: str, where: Mapping[str, object]) -> None:
        """Remove the rows of a table for which every column has its value, or one of its list of values."""
        where = plain(where)
        self._check_columns(table, list(where))
        conditions = [
            f"{quoted(column)} in ${index}" if isinstance(value, list) else f"{quoted(column)} = ${index}"
            for index, (column, value) in enumerate(where.items(), start=1)
        ]
        statement = f"delete from {quoted(table)}" + (f" where {' and '.join(conditions)}" if where else "")
        with self._turn:
            self._connection.execute(statement, list(where.values()))

    def append(self, table: str, frame: pl.DataFrame) -> int:
        """Add rows to a table; returns how many."""
        return self._insert("insert", table, frame)

    def upsert(self, table: str, frame: pl.DataFrame) -> int:
        """Add rows, putting them in the place of those with the same primary key; returns how many."""
        return self._insert("insert or replace", table, frame)

    def has_primary_key(self, table: str) -> bool:
        """Whether rows of a table can be told apart, so that writing them twice changes nothing."""
        self._check_columns(table, [])
        schema, _, name = table.partition(".")
        return not self.query("primary_key", schema=schema, table=name).is_empty()

    def second_connection(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same data, for one that attaches files; the caller closes it."""
        return self._connection.cursor()

    def rewrite(self) -> None:
        """Copy the database to a new file and put that in the place of the old one.

        DuckDB leaves the bytes of deleted rows in its file until it needs the room; a new file has none.
        A kill in between leaves the old file or the new one. No other connection may be open meanwhile.
        """
        with self._turn:
            if self._depth:
                raise WarehouseError("the database file cannot be rewritten inside a transaction")
            path = self.folder / DATABASE
            draft = path.with_name(f"{DATABASE}.new")
            for leftover in self.folder.glob(f"{draft.name}*"):
                leftover.unlink()
            try:
                self._connection.execute("checkpoint")
                self._connection.execute(f"attach {text_of(str(draft))} as rewritten")
                self._connection.execute(f"copy from database {name_of(path.stem)} to rewritten")
                self._connection.execute("detach rewritten")
            except duckdb.Error as error:
                raise WarehouseError(
                    f"cannot write {draft}: {error}; "
                    f"it needs as much room as {path.name} has: free some, then try again"
                ) from error
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            self._connection.close()
            try:
                draft.replace(path)
            finally:
                self._connection = duckdb.connect(path, config=DUCKDB_CONFIG)

    def close(self) -> None:
        """Close the file; `writing` does."""
        self._connection.close()

    def _check_columns(self, table: str, columns: list[str]) -> None:
        """Refuse an unknown table or column by name, before DuckDB does in its own words."""
        schema, _, name = table.partition(".")
        known = self.query("table_columns", schema=schema, table=name)["column_name"].to_list()
        if not known:
            raise WarehouseError(
                f"no table '{table}' in the warehouse; add it in a new file in warehouse/migrations"
            )
        if strangers := [column for column in columns if column not in known]:
            raise WarehouseError(
                f"table {table} has no column {', '.join(strangers)}; it has {', '.join(known)}: "
                "rename or drop the column, or add it in a new file in warehouse/migrations"
            )

    def _insert(self, verb: str, table: str, frame: pl.DataFrame) -> int:
        self._check_columns(table, frame.columns)
        if frame.is_empty():
            # DuckDB 2.0.0: an insert of no rows makes the next large one into the same table, in the same
            # transaction, invisible to scans and deletes, for good.
            return 0
        columns = ", ".join(quoted(column) for column in frame.columns)
        with self.lending("incoming_rows", frame.to_arrow()):
            try:
                self._connection.execute(
                    f"{verb} into {quoted(table)} ({columns}) select {columns} from incoming_rows"
                )
            except duckdb.Error as error:
                raise WarehouseError(f"{frame.height} rows do not fit into {table}: {error}") from error
        return frame.height


@dataclass
class _Shared:
    """The open warehouse of one folder, and how many `writing` blocks are inside it."""

    opening: Lock = field(default_factory=Lock)
    users: int = 0
    warehouse: Warehouse | None = None
    resources: ExitStack = field(default_factory=ExitStack)


_shared: dict[Path, _Shared] = {}
_shared_lock = Lock()


def _open_database(folder: Path, timeout_s: float) -> duckdb.DuckDBPyConnection:
    """Open the file, waiting also for a program that does not know our lock (such as the DuckDB shell)."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return duckdb.connect(folder / DATABASE, config=DUCKDB_CONFIG)
        except duckdb.IOException as error:
            if "lock" not in str(error):
                raise WarehouseError(
                    f"cannot open {folder / DATABASE}: {error}; if it is damaged, move it away and run again"
                ) from error
            if time.monotonic() >= deadline:
                holder = (
                    str(error).partition("held in ")[2].partition(". See")[0]
                    or "a process DuckDB does not name"
                )
                raise busy(folder, holder, timeout_s) from error
            time.sleep(LOOK_EVERY_S)


@contextmanager
def writing(
    folder: Path, purpose: str, timeout_s: float = 600, on_wait: Callable[[str], None] = say_to_stderr
) -> Iterator[Warehouse]:
    """Open the warehouse of a folder for writing, with its tables up to date; waits for another that writes.

    Blocks inside one another, and blocks of several threads, get the same warehouse; the last one out closes.
    `purpose` and `on_wait` are as for `exclusive`.

    Raises:
        WarehouseBusy: another process still wrote after `timeout_s`.
    """
    folder = folder.resolve()
    with _shared_lock:
        shared = _shared.setdefault(folder, _Shared())
    with shared.opening:
        if shared.warehouse is None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise WarehouseError(
                    f"cannot make folder {folder}: {error}; set POLYREC_HOME to another"
                ) from error
            with ExitStack() as resources:
                resources.enter_context(exclusive(folder, purpose, timeout_s, on_wait))
                connection = _open_database(folder, timeout_s)
                warehouse = Warehouse(folder, connection)
                resources.callback(warehouse.close)
                migrate(connection, data_folder=folder)
                shared.warehouse = warehouse
                shared.resources = resources.pop_all()
        shared.users += 1
        warehouse = shared.warehouse
    try:
        yield warehouse
    finally:
        with shared.opening:
            shared.users -= 1
            if shared.users == 0:
                shared.warehouse = None
                shared.resources.close()
