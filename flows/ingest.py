"""Ingest: a source's files to core tables, split into parts."""

from prefect import flow

from flows.common import run_name, stage
from tasks.ingest import steps


@flow(name="ingest", flow_run_name=run_name)
def ingest(config: str | None = None) -> None:
    """Load the data set and split its interactions."""
    with stage(config, "ingest") as run:
        steps.load_core(run)
        steps.split(run)
        steps.show(run)
