"""Removes MLflow runs that are no longer needed, for good: rows, artifacts and model versions."""

import os
from collections.abc import Iterator, Set
from contextlib import contextmanager, redirect_stdout
from datetime import datetime, timedelta
from io import StringIO

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from tasks.run.mlflow_names import MODEL, PREFIX, TRIALS
from tasks.settings import Settings
from warehouse.errors import PolyrecError

AT_ONCE = 500  # run ids in one call
TRACKING_URI = "MLFLOW_TRACKING_URI"


def remove_old_runs(
    client: MlflowClient, settings: Settings, needed: Set[str], now: datetime
) -> dict[str, int]:
    """Remove trials and other runs older than [retention] says; returns experiment to runs removed.

    The newest run without a parent of each experiment stays, and so does every run behind `needed` (run ids)
    or the champion. `mlflow gc` does it, which also empties MLflow's bin of what a person deleted.
    """
    needed = needed | _champions(client)
    runs_until, trials_until = (
        (now - timedelta(days=days)).timestamp()
        for days in (settings.retention.runs_days, settings.retention.trials_days)
    )
    old: dict[str, list[str]] = {}
    for experiment in client.search_experiments():
        if experiment.name.startswith(PREFIX):
            has_trials = experiment.name.removeprefix(PREFIX) in TRIALS
            until = {True: trials_until if has_trials else runs_until, False: runs_until}
            runs = list(_runs(client, experiment.experiment_id))
            newest = next((run.info.run_id for run in runs if not _is_child(run)), None)
            found = [run.info.run_id for run in runs if run.info.start_time / 1000 < until[_is_child(run)]]
            if found := [run_id for run_id in found if run_id not in needed and run_id != newest]:
                old[experiment.name] = found
    gone = {run_id for found in old.values() for run_id in found}
    if gone:
        for version in client.search_model_versions(f"name='{MODEL}'"):
            if version.run_id in gone:
                client.delete_model_version(MODEL, version.version)
        for run_id in gone:
            client.delete_run(run_id)
        _empty_bin(settings.mlflow_uri, sorted(gone))
    return {name: len(found) for name, found in old.items()}


def _is_child(run: Run) -> bool:
    return MLFLOW_PARENT_RUN_ID in run.data.tags


def _runs(client: MlflowClient, experiment_id: str) -> Iterator[Run]:
    """Runs of an experiment, newest first."""
    token, order = None, ["attributes.start_time DESC"]
    while True:
        page = client.search_runs([experiment_id], order_by=order, max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _champions(client: MlflowClient) -> set[str]:
    """The run behind the champion, in case the registry is ahead of the warehouse."""
    try:
        aliases = client.get_registered_model(MODEL).aliases
    except MlflowException:  # nothing is registered yet
        return set()
    versions = (client.get_model_version(MODEL, str(version)) for version in aliases.values())
    return {str(version.run_id) for version in versions}


def _empty_bin(uri: str, run_ids: list[str]) -> None:
    """Remove deleted runs with their artifacts."""
    from mlflow.cli import gc  # loads all that MLflow's commands need

    for start in range(0, len(run_ids), AT_ONCE):
        some = ",".join(run_ids[start : start + AT_ONCE])
        try:
            with _named(uri), redirect_stdout(StringIO()):  # it tells of every run
                gc.main(["--backend-store-uri", uri, "--run-ids", some], "mlflow gc", standalone_mode=False)
        except Exception as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise PolyrecError(
                f"`mlflow gc` failed on {uri}: {reason}; mend that, "
                f"then empty MLflow's bin by hand: mlflow gc --backend-store-uri {uri} --tracking-uri {uri}"
            ) from error


@contextmanager
def _named(uri: str) -> Iterator[None]:
    """Name the store in the environment, and nowhere else: --tracking-uri names it for the whole process."""
    before = os.environ.get(TRACKING_URI)
    os.environ[TRACKING_URI] = uri
    try:
        yield
    finally:
        del os.environ[TRACKING_URI]
        if before is not None:
            os.environ[TRACKING_URI] = before
