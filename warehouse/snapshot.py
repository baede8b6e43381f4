"""What readers see: immutable files, one for each publication, and a pointer that names the current one.

A reader keeps the file that it opened while a new one is published beside it. A name is never used twice,
because in one process DuckDB hands back an already open database for the same path.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import polars as pl

from warehouse.columns import DIVERSE_LISTS
from warehouse.connection import Warehouse, writing
from warehouse.errors import WarehouseError
from warehouse.migrate import unseen
from warehouse.sql import DUCKDB_CONFIG, QUERIES, quoted, run_query, text_of

POINTER = "current"
NAME = re.compile(r"snapshot-[A-Za-z0-9_-]+(\.\d+)?\.duckdb")


class Snapshot:
    """One publication, read only; get one from `reading`. Safe to use from several threads."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path = path
        self._connection = connection

    def query(self, name: str, /, **parameters: object) -> pl.DataFrame:
        """Run warehouse/queries/<name>.sql with its `$parameters` and return all its rows."""
        with self._connection.cursor() as cursor:
            return run_query(cursor, name, parameters)


def write_snapshot(warehouse: Warehouse, publication_id: str) -> Path:
    """Write the tables that readers need of one publication to a new file, then point readers at it.

    Call it after the publication's transaction. Called again (for instance when the evaluation is in), it
    writes another file with today's state of the same publication.
    """
    path = new_snapshot(warehouse, publication_id)
    point_readers_at(path)
    return path


def new_snapshot(warehouse: Warehouse, publication_id: str) -> Path:
    """Write a publication to a new file that nobody is pointed at yet; it appears whole or not at all."""
    if warehouse.query("publication", publication_id=publication_id).is_empty():
        raise WarehouseError(
            f"no publication '{publication_id}' in the warehouse; publish one with `polyrec run`"
        )
    folder = warehouse.folder / "snapshots"
    folder.mkdir(exist_ok=True)
    path = folder / f"snapshot-{publication_id}.duckdb"
    if not NAME.fullmatch(path.name):
        raise WarehouseError(
            f"a publication id is part of a file name: letters, digits, _ and - only; got {publication_id!r}"
        )
    number = 1
    while path.exists():
        number += 1
        path = folder / f"snapshot-{publication_id}.{number}.duckdb"
    draft = path.with_suffix(".tmp")
    for leftover in folder.glob("*.tmp*"):
        leftover.unlink()
    with warehouse.second_connection() as connection:
        _copy_tables(connection, draft, publication_id)
    draft.replace(path)
    return path


def point_readers_at(path: Path) -> None:
    """Let a snapshot be the current one, in one step."""
    pointer = path.with_name(f"{POINTER}.tmp")
    pointer.write_text(path.name + "\n", encoding="utf-8")
    pointer.replace(path.with_name(POINTER))


def _copy_tables(connection: duckdb.DuckDBPyConnection, draft: Path, publication_id: str) -> None:
    """Fill the file `draft` with queries/snapshot/<schema>.<table>.sql."""
    connection.execute(f"attach {text_of(str(draft))} as snapshot")
    try:
        connection.begin()
        for file in sorted((QUERIES / "snapshot").glob("*.sql")):
            statement = file.read_text(encoding="utf-8")
            parameters = {"publication_id": publication_id} if "$publication_id" in statement else {}
            schema = file.stem.partition(".")[0]
            connection.execute(f"create schema if not exists {quoted(f'snapshot.{schema}')}")
            connection.execute(f"create table {quoted(f'snapshot.{file.stem}')} as {statement}", parameters)
        connection.commit()
    finally:
        connection.execute("detach snapshot")


def current_snapshot(folder: Path) -> Path | None:
    """The file that readers are pointed at; None when nothing is published."""
    try:
        name = (folder / "snapshots" / POINTER).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    return folder / "snapshots" / name if NAME.fullmatch(name) else None


def reconcile_snapshot(warehouse: Warehouse) -> Path | None:
    """Point readers at what serving.current says, after a run that was killed between the two.

    One that an older version wrote is written again. Returns the new snapshot; None with nothing to do.
    """
    current = warehouse.query("current_publication")
    if current.is_empty():
        return None
    publication_id: str = current["publication_id"].item()
    path = current_snapshot(warehouse.folder)
    if path is not None and path.name.split(".")[0] == f"snapshot-{publication_id}":
        with (
            suppress(duckdb.IOException),  # there is no such file, or it is damaged
            duckdb.connect(path, read_only=True, config=DUCKDB_CONFIG) as connection,
        ):
            if _is_of_today(connection):
                return None
    return write_snapshot(warehouse, publication_id)


@contextmanager
def reading(folder: Path) -> Iterator[Snapshot]:
    """Open the current snapshot; whatever is published meanwhile, it shows the same lists until closed.

    Raises:
        WarehouseError: nothing is published yet.
    """
    path, connection = _open_current(folder)
    try:
        yield Snapshot(path, connection)
    finally:
        connection.close()


def check_published(snapshot: Snapshot, lists: str) -> None:
    """Refuse to read DIVERSE_LISTS, where `lists` is that table, of a publication that has none.

    Raises:
        WarehouseError: it has none.
    """
    if lists != DIVERSE_LISTS:
        return
    schema, _, table = lists.partition(".")
    if not snapshot.query("table_rows", schema=schema, table=table)["rows"][0]:
        raise WarehouseError(
            "an older version published these lists, without diverse ones; `polyrec run` publishes both as "
            "soon as anything is new"
        )


def _open_current(folder: Path, renew: bool = True) -> tuple[Path, duckdb.DuckDBPyConnection]:
    """Open the current snapshot; one of an older version is written again first."""
    path = current_snapshot(folder)
    if path is None:
        raise WarehouseError(f"nothing is published yet in {folder}; run `polyrec run`")
    try:
        connection = duckdb.connect(path, read_only=True, config=DUCKDB_CONFIG)
    except duckdb.Error as error:
        if current_snapshot(folder) != path:  # a newer one took its place since the pointer was read
            return _open_current(folder)
        raise WarehouseError(
            f"cannot open the published snapshot {path}: {error}; publish again with `polyrec run`"
        ) from error
    of_today = False
    try:
        of_today = _is_of_today(connection)
    finally:
        if not of_today:
            connection.close()
    if of_today:
        return path, connection
    if not renew:
        raise WarehouseError(f"an older version published {path}; publish again with `polyrec run`")
    try:
        with writing(folder, "bringing the home of an older version up to date") as warehouse:
            reconcile_snapshot(warehouse)
    except OSError as error:
        raise WarehouseError(
            f"an older version wrote {folder}, which must be brought up to date: {error}; make it writable"
        ) from error
    return _open_current(folder, renew=False)


def _is_of_today(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a snapshot has the tables of this version; one that a newer version wrote is refused."""
    try:
        return not unseen(connection)
    except duckdb.CatalogException:  # of a version whose snapshots did not say
        return False


def remove_old_snapshots(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest snapshot of each of the newest `keep` publications; returns what went.

    The current one always stays.
    """
    if keep < 1:
        raise ValueError(f"keep must be at least 1, got {keep}")
    current = current_snapshot(folder)
    paths = [path for path in (folder / "snapshots").glob("snapshot-*.duckdb") if NAME.fullmatch(path.name)]
    paths.sort(key=lambda path: (path == current, path.stat().st_mtime_ns), reverse=True)
    newest: dict[str, Path] = {}
    for path in paths:
        newest.setdefault(path.name.split(".")[0], path)
    kept = set(list(newest.values())[:keep])
    removed = [path for path in paths if path not in kept]
    for path in removed:
        path.unlink()
    return removed
