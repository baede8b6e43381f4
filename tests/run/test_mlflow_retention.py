"""Which MLflow runs go, by a clock in our hands; what goes is gone from store and disk."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from mlflow.exceptions import MlflowException

from tasks.run.mlflow_retention import _empty_bin, remove_old_runs
from tasks.run.tracking import Tracking
from tasks.settings import Settings
from tests.empty import with_tracking
from warehouse.errors import PolyrecError

LISTS = pl.DataFrame({"user_id": ["b"], "rank": [1], "item_id": ["1"], "score": [0.5]})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return with_tracking(Settings(home=tmp_path))


@pytest.fixture
def tracking(settings: Settings) -> Tracking:
    return Tracking(settings)


def search(tracking: Tracking, register: bool = True) -> tuple[str, str]:
    """A search with one trial and, if asked, a registered model: ids of search and trial."""
    with tracking.run("fusion", "search") as parent:
        with tracking.run("fusion", "trial", parent=parent) as trial:
            tracking.client.log_text(trial, "x", "trial.txt")
        if register:
            tracking.register_fusion(parent, {}, LISTS)
    return parent, trial


def removed(tracking: Tracking, settings: Settings, days: float, needed: set[str]) -> dict[str, int]:
    now = datetime.now(UTC) + timedelta(days=days)
    return remove_old_runs(tracking.client, settings, needed, now)


def there(tracking: Tracking, run_id: str) -> bool:
    try:
        return tracking.client.get_run(run_id).info.lifecycle_stage == "active"
    except MlflowException:
        return False


def test_trials_go_first_then_runs_but_not_what_is_needed(tracking: Tracking, settings: Settings) -> None:
    searches = [search(tracking) for _ in range(4)]  # versions 1 to 4
    parents, trials = zip(*searches, strict=True)
    with tracking.run("matching", "old") as old, tracking.run("matching", "its child", parent=old) as child:
        pass
    with tracking.run("matching", "new") as new:
        pass
    mine = tracking.client.create_run(tracking.client.create_experiment("mine")).info.run_id
    tracking.set_champion("2")

    assert removed(tracking, settings, 13.9, set()) == {}
    assert removed(tracking, settings, 14.1, set()) == {"polyrec-fusion": 4}
    assert not any(there(tracking, run_id) for run_id in trials)
    assert all(there(tracking, run_id) for run_id in (*parents, old, child, new))
    assert not list(settings.mlflow_folder.rglob("trial.txt"))

    # The first is behind a publication that is kept, the second is the champion, the fourth the newest.
    assert removed(tracking, settings, 91, {parents[0]}) == {"polyrec-fusion": 1, "polyrec-matching": 2}
    assert [there(tracking, run_id) for run_id in parents] == [True, True, False, True]
    assert [there(tracking, run_id) for run_id in (old, child, new, mine)] == [False, False, True, True]
    assert [tracking.has_version(version) for version in "1234"] == [True, True, False, True]
    assert tracking.load_champion()
    folders = {path.parts[-4] for path in settings.mlflow_folder.rglob("model/MLmodel")}
    assert folders == {parents[0], parents[1], parents[3]}


def test_an_empty_store_is_no_problem(tracking: Tracking, settings: Settings) -> None:
    assert removed(tracking, settings, 1000, set()) == {}


def test_a_failing_store_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PolyrecError, match="`mlflow gc` failed on .*by hand"):
        _empty_bin(f"sqlite:///{tmp_path}/no/mlflow.db", ["x"])
