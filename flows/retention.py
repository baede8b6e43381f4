"""Retention: what the past leaves is cut back, at the end of the main job."""

from datetime import UTC, datetime

from prefect.artifacts import create_table_artifact

from tasks.run.mlflow_retention import remove_old_runs
from tasks.run.step import counted, step
from tasks.run.tracking import Tracking
from tasks.settings import Settings
from warehouse.connection import writing
from warehouse.retention import compact


@step("compact")
def retention(settings: Settings, now: datetime | None = None) -> dict[str, int]:
    """Remove what [retention] does not keep, from warehouse, snapshots and MLflow; returns what went."""
    now = now or datetime.now(UTC)
    rule = settings.retention
    with writing(settings.data_folder, "polyrec run, retention", settings.lock_timeout_s) as warehouse:
        done = compact(warehouse, rule.publications, rule.runs_days, rule.texts_days, now)
        runs = remove_old_runs(Tracking(settings).client, settings, done.needed_runs, now)
    removed = done.removed | {f"MLflow runs of {name}": count for name, count in runs.items()}
    create_table_artifact(
        key="retention", table=[{"what": what, "removed": count} for what, count in removed.items()]
    )
    counted(removed=sum(removed.values()))
    return removed
