"""What every flow does first: take its settings, say which flow run it is, reconcile."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, time
from pathlib import Path

from prefect import get_client
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter
from prefect.runtime import flow_run

from flows.starting import reconcile
from tasks.run.stage import StageRun, stage_run
from tasks.settings import Settings, load_settings
from warehouse.connection import writing

_of_this_run: ContextVar[Settings | None] = ContextVar("settings of this run", default=None)


def run_name() -> str:
    """Name the flow run that starts: "nightly 2026-11-30 #3" is the flow's third of that day (UTC)."""
    flow = str(flow_run.get_flow_name())
    midnight = datetime.combine(datetime.now(UTC), time(), UTC)
    with get_client(sync_client=True) as client:
        started = client.count_flow_runs(  # the one that starts among them
            flow_filter=FlowFilter.model_validate({"name": {"any_": [flow]}}),
            flow_run_filter=FlowRunFilter.model_validate({"start_time": {"after_": midnight}}),
        )
    return f"{flow} {midnight:%Y-%m-%d} #{started}"


def settings_of(config: str | None) -> Settings:
    """Settings of the run that is going on; else of a configuration file, or the project's own."""
    return _of_this_run.get() or load_settings(Path(config) if config else None)


@contextmanager
def one_reading(config: str | None) -> Iterator[Settings]:
    """Settings for a whole run: an edit of the file while it goes on changes no later stage."""
    token = _of_this_run.set(settings_of(config))
    try:
        yield settings_of(config)
    finally:
        _of_this_run.reset(token)


@contextmanager
def stage(config: str | None, name: str) -> Iterator[StageRun]:
    """A stage's run, tied to the flow run that is going on; one that runs alone reconciles first."""
    settings = settings_of(config)
    with writing(settings.data_folder, f"polyrec run, stage {name}", settings.lock_timeout_s) as warehouse:
        if _of_this_run.get() is None:
            reconcile(warehouse, settings)
        with stage_run(settings, name, flow_run.get_id()) as run:
            yield run
