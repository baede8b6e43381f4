"""The main job: all stages, one after the other, under one lock."""

from prefect import flow

from flows.common import one_reading, run_name
from flows.corpus import corpus
from flows.embedding import embedding
from flows.evaluation import evaluation
from flows.fusion import fusion
from flows.ingest import ingest
from flows.matching import matching
from flows.retention import retention
from flows.starting import reconcile
from tasks.rules.book import check_rules
from warehouse.connection import writing


@flow(name="nightly", flow_run_name=run_name)
def nightly(config: str | None = None) -> None:
    """From the source's files to published and evaluated lists; then the past is cut back."""
    with (
        one_reading(config) as settings,
        writing(settings.data_folder, "polyrec run", settings.lock_timeout_s) as warehouse,
    ):
        reconcile(warehouse, settings)
        check_rules(warehouse, settings, strict=False)  # hours before fusion reads them
        for stage in (ingest, corpus, embedding, matching, fusion, evaluation):
            stage(config)
        retention(settings)
