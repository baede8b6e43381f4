"""What every flow does first: take its settings, say which flow run it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from prefect.runtime import flow_run

from tasks.settings import Settings, load_settings
from tasks.stage import StageRun, stage_run

_of_this_run: ContextVar[Settings | None] = ContextVar("settings of this run", default=None)


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
    """A stage's run, tied to the flow run that is going on."""
    with stage_run(settings_of(config), name, flow_run.get_id()) as run:
        yield run
