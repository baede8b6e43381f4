"""Adaptation in processes that are killed: see tests/killing.py."""

from pathlib import Path

from tasks.matching.adaptation import steps
from tasks.run.stage import StageRun
from tasks.run.study import TrialFile
from tasks.settings import Settings
from tests.killing import Request, Steps, always, arm, named, serve
from warehouse.connection import Warehouse, writing

MATCHING = {
    "adapt": "on",
    "matchers": ["cosine_max", "ease", "popularity", "slit", "two_tower"],
    "adapt_minutes": 0.05,
    "two_tower": {"epochs": 1, "temperature": 0.4, "learning_rate": 1e-6},  # which learns nothing
}
STEPS: Steps = {
    "trial": (TrialFile, "add", always),
    "choice": (Warehouse, "replace", named("matching.adaptation")),
    "tracking": (steps, "_track", always),
    "end": (Path, "unlink", lambda arguments: arguments[0].name.startswith("adaptation-")),
}


def settings_of(home: Path, **matching: object) -> Settings:
    values = {"home": home, "matching": {**MATCHING, **matching}, "evaluation": {"k": 2}}
    return Settings.model_validate(values)


def adapt(settings: Settings) -> StageRun:
    """What the flow does first."""
    with writing(settings.data_folder, "a test") as warehouse:
        run = StageRun("matching", settings, warehouse, None)
        steps.adapt.fn(run)
    return run


def run(request: Request) -> None:
    """One run in this process."""
    if request.kill_at:
        arm(STEPS, request.kill_at, request.passing)
    adapt(settings_of(Path(request.home)))


if __name__ == "__main__":
    serve(run, Request)
