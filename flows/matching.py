"""Matching: every matcher's scores of every user's candidates."""

from prefect import flow

from flows.common import run_name, stage
from tasks.matching import steps
from tasks.matching.pairs import steps as pair_steps
from warehouse.columns import FITS, TRAIN


@flow(name="matching", flow_run_name=run_name)
def matching(config: str | None = None) -> None:
    """Fit and score the matchers on every fit window that changed."""
    with stage(config, "matching") as run:
        asked = run.settings.matching.relevance.enabled
        changed = [steps.match(run, TRAIN)] if asked else []  # whose candidates the language model judges
        if asked:
            pair_steps.judge(run)
        changed += [steps.match(run, fit) for fit in FITS]
        if any(changed):
            steps.track(run)
        steps.finish(run)
