from pathlib import Path

import numpy as np
import pytest

from tasks.fusion.plan import Plan
from tasks.fusion.points import TrialMetrics
from tasks.fusion.weight_search import search
from tasks.matching import registry
from tasks.settings import PROJECT, load_settings
from tests.matching.toys import checkerboard

FILES = sorted((PROJECT / "benchmarks" / "settings").glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_settings_of_benchmarks_make_matchers_that_fit(path: Path) -> None:
    settings = load_settings(path)
    for name in settings.matching.matchers:
        matcher = registry.build(name, settings.matching)
        matcher.fit(checkerboard())
        assert matcher.name == name


def test_four_trials_of_stratified_item_are_each_matcher_alone_and_all_alike() -> None:
    """What its comment says; weights are not searched for there."""
    settings = load_settings(PROJECT / "benchmarks" / "settings" / "stratified_item.toml")
    matchers = settings.matching.matchers
    plan = Plan.of(settings.fusion, settings.evaluation.k, settings.seed)
    trials = search(lambda *_: TrialMetrics(0.1, 0.5, 0.5), matchers, plan)
    tried = [list(trial.weights.values()) for trial in trials]
    assert tried == [*np.eye(len(matchers)).tolist(), [1 / len(matchers)] * len(matchers)]
