"""Matching: every matcher's scores of every user's candidates."""

from prefect import flow

from flows.common import run_name, stage
from tasks.matching import steps
from tasks.matching.adaptation import steps as adaptation
from tasks.matching.pairs import steps as pair_steps
from tasks.run.stage import StageRun
from warehouse.columns import FITS, TRAIN


@flow(name="matching", flow_run_name=run_name)
def matching(config: str | None = None) -> None:
    """Fit and score the matchers on every fit window that changed."""
    with stage(config, "matching") as run:
        adaptation.adapt(run)
        asked = run.settings.matching.relevance.enabled
        changed = [match(run, TRAIN)] if asked else []  # whose candidates get relevance labels
        if asked:
            pair_steps.label_relevance(run)
        changed += [match(run, fit) for fit in FITS]
        if any(changed):
            steps.track(run)
        steps.finish(run)


def match(run: StageRun, fit: str) -> bool:
    """Fit and score the matchers on a window; returns False when that was already done."""
    work = steps.read_window(run, fit)
    if work is None:
        return False
    for name in work.names:
        steps.fit_matcher(run, work, name)
    steps.score(run, work)
    return True
