"""`polyrec relevance`: a language model, its student and a cross-encoder on a sample of users."""

from typing import Any

from prefect import flow

from flows.common import run_name, stage
from tasks.matching.pairs import steps
from tasks.studies.relevance import check_judged, compare_on_sample


@flow(name="relevance", flow_run_name=run_name)
def relevance(config: str | None = None) -> dict[str, Any]:
    """Ask the language model, tune the cross-encoder, and compare both with the other matchers."""
    with stage(config, "relevance") as run:
        check_judged(run, steps.sample(run))
        steps.label_relevance(run)
        steps.cross_encode(run)
        return compare_on_sample(run, steps.train_window(run), steps.sample(run))
