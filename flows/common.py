"""What every flow does first: read its settings, say which flow run it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.runtime import flow_run

from tasks.settings import Settings, load_settings
from tasks.stage import StageRun, stage_run


def settings_of(config: str | None) -> Settings:
    """Settings of a configuration file, or the project's own."""
    return load_settings(Path(config) if config else None)


@contextmanager
def stage(config: str | None, name: str) -> Iterator[StageRun]:
    """A stage's run, tied to the flow run that is going on."""
    with stage_run(settings_of(config), name, flow_run.get_id()) as run:
        yield run
