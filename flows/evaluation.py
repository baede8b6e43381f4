"""Evaluation: every model on validation, and one look at test."""

from prefect import flow

from flows.common import run_name, settings_of, stage
from tasks.evaluation import steps
from warehouse.columns import TEST, VALIDATION
from warehouse.connection import writing


@flow(name="evaluation", flow_run_name=run_name)
def evaluation(config: str | None = None) -> None:
    """Evaluate the lists of all models, and let readers see the report."""
    settings = settings_of(config)
    with writing(settings.data_folder, "polyrec run, stage evaluation", settings.lock_timeout_s):
        with stage(config, "evaluation") as run:
            if steps.is_new(run):
                steps.evaluate(run, VALIDATION)
                steps.record_look(run)
                steps.evaluate(run, TEST)
                steps.report(run)
        steps.refresh_snapshot(run)
