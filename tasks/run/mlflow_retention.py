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

from tasks.run.mlflow_names import PREFIX, TRIALS
from warehouse.errors import PolyrecError

AT_ONCE = 500  # run ids in one call
TRACKING_URI = "MLFLOW_TRACKING_URI"


def remove_old_runs(
    client: MlflowClient,
    uri: str,
    model: str,
    needed: Set[str],
    now: datetime,
    trials_days: int,
    runs_days: int,
) -> dict[str, int]:
    """Remove trials and other runs by their age; returns experiment to runs removed.

    The newest run without a parent of each experiment stays, and so does every run behind `needed` or the
    champion. `mlflow gc` does it, which also empties MLflow's bin of what a person deleted.

    Args:
        client: Of the store.
        uri: Of the store.
        model: The registered model; versions of runs that go, go too.
        needed: Run ids that must stay.
        now: The time, with its zone.
        trials_days: Trials older than this go.
        runs_days: All other runs older than this go.
    """
    needed = needed | _champions(client, model)
    old: dict[str, list[str]] = {}
    for experiment in client.search_experiments():
        if experiment.name.startswith(PREFIX):
            trials = experiment.name.removeprefix(PREFIX) in TRIALS
            days_of_children = trials_days if trials else runs_days
            before = {True: now - timedelta(days=days_of_children), False: now - timedelta(days=runs_days)}
            if found := _old(list(_runs(client, experiment.experiment_id)), needed, before):
                old[experiment.name] = found
    gone = [run_id for found in old.values() for run_id in found]
    if gone:
        for version in client.search_model_versions(f"name='{model}'"):
            if version.run_id in set(gone):
                client.delete_model_version(model, version.version)
        for run_id in gone:
            client.delete_run(run_id)
        _empty_bin(uri, gone)
    return {name: len(found) for name, found in old.items()}


def _old(runs: list[Run], needed: Set[str], before: dict[bool, datetime]) -> list[str]:
    """Which runs of an experiment go.

    Args:
        runs: All of them, newest first.
        needed: Run ids that stay.
        before: Whether it is a child to the time before which it goes.
    """
    newest = next((run.info.run_id for run in runs if MLFLOW_PARENT_RUN_ID not in run.data.tags), None)
    return [
        run.info.run_id
        for run in runs
        if run.info.start_time / 1000 < before[MLFLOW_PARENT_RUN_ID in run.data.tags].timestamp()
        and run.info.run_id not in needed
        and run.info.run_id != newest
    ]


def _runs(client: MlflowClient, experiment_id: str) -> Iterator[Run]:
    """Runs of an experiment, newest first."""
    token = None
    while True:
        page = client.search_runs(
            [experiment_id], order_by=["attributes.start_time DESC"], max_results=1000, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _champions(client: MlflowClient, model: str) -> set[str]:
    """The run behind the champion, in case the registry is ahead of the warehouse."""
    try:
        aliases = client.get_registered_model(model).aliases
    except MlflowException:  # nothing is registered yet
        return set()
    versions = (client.get_model_version(model, str(version)) for version in aliases.values())
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
