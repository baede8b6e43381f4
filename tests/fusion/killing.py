"""Publishing in processes that are killed: `python -m tests.fusion.killing`, see tests/killing.py."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from mlflow.exceptions import MlflowException

from flows import rollback
from flows.starting import reconcile
from tasks.fusion import publishing
from tasks.fusion.publishing import Publication, publish
from tasks.run.mlflow_names import MODEL
from tasks.run.tracking import Tracking
from tasks.settings import Settings
from tests.empty import with_tracking
from tests.killing import Match, Request, Steps, always, arm, named, serve
from warehouse import snapshot
from warehouse.columns import LISTS
from warehouse.connection import Warehouse, writing
from warehouse.snapshot import current_snapshot

KEEP = 2
USERS, ITEMS = ("a", "b"), ("1", "2")
ROWS = len(USERS) * len(ITEMS)


def _named_file(prefix: str, suffix: str) -> Match:
    def matches(arguments: tuple[Any, ...]) -> bool:
        path = arguments[0]
        return path.parent.name == "snapshots" and path.name.startswith(prefix) and path.name.endswith(suffix)

    return matches


# All steps of a publication. A kill before a step and one after it leave different things behind.
# DuckDB's own commit lies between "mark of compacted ones, after" and "transaction, after".
STEPS: Steps = {
    "model version": (Tracking, "register_lists", always),
    "transaction": (publishing, "record", always),
    "lists": (Warehouse, "replace", named("serving.recommendations")),
    "publication": (Warehouse, "append", named("serving.publications")),
    "truth": (Warehouse, "execute", named("set_current")),
    "mark of compacted ones": (Warehouse, "execute", named("mark_compacted_publications")),
    "snapshot": (publishing, "new_snapshot", always),
    "draft": (snapshot, "_copy_tables", always),
    "rename": (Path, "replace", _named_file("snapshot-", ".tmp")),
    "pointer": (publishing, "point_readers_at", always),
    "pointer's draft": (Path, "write_text", _named_file("current", ".tmp")),
    "pointer's rename": (Path, "replace", _named_file("current", ".tmp")),
    "retention": (publishing, "remove_old_snapshots", always),
    "removal of a snapshot": (Path, "unlink", _named_file("snapshot-", ".duckdb")),
    "alias": (Tracking, "set_champion", always),
}
POINTS = [f"{step}, {when}" for step in STEPS for when in ("before", "after")]


@dataclass(frozen=True)
class PublicationRequest(Request):
    """One start: it reconciles, and may then publish or roll back."""

    number: int | None = None
    """Publish lists all of whose scores are this number."""
    roll_back: bool = False


def rows_of(number: int) -> pl.DataFrame:
    """Rows of serving.recommendations: every score is the number."""
    scores = pl.Series([{"ease": float(number)}] * ROWS, dtype=pl.Map(pl.String, pl.Float64))
    return pl.DataFrame(
        {
            "publication_id": [identity(number)] * ROWS,
            "user_id": [user for user in USERS for _ in ITEMS],
            "rank": pl.Series([1, 2] * len(USERS), dtype=pl.Int32),
            "item_id": list(ITEMS) * len(USERS),
            "score": [float(number)] * ROWS,
            "contributions": scores,
            "text_id": pl.Series([None] * ROWS, dtype=pl.String),
        }
    )


def identity(number: int) -> str:
    return f"p{number:03d}"


def publish_number(warehouse: Warehouse, settings: Settings, number: int) -> None:
    """What the step `publish` does, without making lists."""
    now = datetime.now(UTC)
    publication = Publication(identity(number), "f", "d", f"hash{number}", now, now)
    tables = {LISTS: rows_of(number)}
    publish(warehouse, Tracking(settings), publication, tables, {"weights": {"ease": 1}}, KEEP)


def check_agreement(warehouse: Warehouse, settings: Settings) -> None:
    """Fail unless snapshot and alias are those of serving.current."""
    current = warehouse.query("current_version")
    if current.is_empty():
        return
    path = current_snapshot(warehouse.folder)
    assert path and path.exists(), path
    assert path.name.split(".")[0] == f"snapshot-{current['publication_id'].item()}", path
    assert Tracking(settings).champion() == current["model_version"].item()


def run(request: PublicationRequest) -> None:
    """One start in this process."""
    settings = Settings(home=Path(request.home))
    with writing(settings.data_folder, "a test") as warehouse:
        reconcile(warehouse, settings)
        check_agreement(warehouse, settings)
        if request.kill_at:
            arm(STEPS, request.kill_at, request.passing)
        if request.number is not None:
            publish_number(warehouse, settings, request.number)
        if request.roll_back:
            rollback.roll_back(settings, None)


def register_version(self: Tracking, run_id: str, *_: object) -> str:
    """In the place of register_fusion: a version without files, which take a process seconds of imports."""
    with suppress(MlflowException):  # there is one
        self.client.create_registered_model(MODEL)
    return str(self.client.create_model_version(MODEL, "nowhere", run_id, await_creation_for=0).version)


def main() -> None:
    """Serve starts; what MLflow does once a process is done before the first."""
    Tracking.register_fusion = register_version  # type: ignore[method-assign, assignment]
    with TemporaryDirectory() as folder:
        tracking = Tracking(with_tracking(Settings(home=Path(folder))))
        tracking.set_champion(tracking.register_lists("warm", {}, pl.DataFrame(), {"tag": "a"}, {})[1])
        assert tracking.champion() == "1"
    serve(run, PublicationRequest)


if __name__ == "__main__":
    main()
