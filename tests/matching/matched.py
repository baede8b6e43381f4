"""Matching of one fit window without Prefect."""

from tasks.matching import steps
from tasks.run.stage import StageRun


def match(run: StageRun, fit: str) -> bool:
    """Do what flows/matching.py does; returns False when that was already done."""
    work = steps.read_window.fn(run, fit)
    if work is None:
        return False
    for name in work.names:
        steps.fit_matcher.fn(run, work, name)
    steps.score.fn(run, work)
    return True
