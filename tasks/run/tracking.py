"""MLflow by explicit run ids: experiments, runs, artifacts, and the registered fusion model.

MLflow's active run, which is kept per thread, is never touched: a task in any thread may log to a run that
another one started. Everything goes straight to the project's SQLite store; no server is needed.
"""

import json
import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.run.mlflow_names import MODEL, PREFIX, QUIET, TRIALS

os.environ.update({**QUIET, **os.environ})  # read while mlflow is imported

import polars as pl
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.pyfunc import PyFuncModel, load_model, save_model
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE
from mlflow.utils.validation import MAX_METRICS_PER_BATCH, MAX_PARAMS_TAGS_PER_BATCH

from tasks.run.stage import StageRun, data_fingerprint
from tasks.settings import PROJECT, Settings

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

CHAMPION = "champion"
MODEL_CODE = PROJECT / "serving" / "model.py"
MODEL_FOLDER = "model"  # inside a run's artifacts
ABOUT = {
    "corpus": "The recommendation texts: one run each time some were written.",
    "embedding": "The vectors of items, texts and users: one run each time some were made.",
    "matching": "A parent run holds the matchers of one night: a child is one matcher of one fit, with its "
    "settings, its seconds and, for the fit `train`, its figures on validation. Also samples of pairs.",
    "fusion": "A parent run is one search of the fusion's weights: a child is one trial. Compare trials by "
    "`val_ndcg_at_<k>` and `val_ild_at_<k>`; `users` says on whose lists they were tried.",
    "publication": "Each run is one publication; its model answers with the lists of that night.",
    "evaluation": "A parent run is one report, ablation or comparison: a child is one model or variant, with "
    "its figures on validation and, after a look at test, on test.",
    "tuning": "A parent run is one search of a matcher's settings: a child is one trial, on validation.",
}
"""Stage to the description of its experiment."""


@cache
def git_sha() -> str:
    """Name the commit that is checked out, or `unknown` outside a git clone."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.strip()


class Tracking:
    """The project's MLflow store.

    Args:
        settings: Says where the store is, and which data set, protocol and k runs are tagged with.
        tags: Put on every run, too: split_hash, fit. A tag whose value is None is left out.
        data: Fingerprint of the data set: the input of every run but trials of a search; none when empty.
    """

    def __init__(self, settings: Settings, tags: Mapping[str, object] | None = None, data: str = "") -> None:
        settings.mlflow_folder.mkdir(parents=True, exist_ok=True)
        self.client = MlflowClient(tracking_uri=settings.mlflow_uri, registry_uri=settings.mlflow_uri)
        _let_readers_in(settings.mlflow_folder / "mlflow.db")
        self._artifacts = settings.mlflow_folder / "artifacts"
        source = settings.data.source
        comparable = {"dataset": source, "protocol": settings.data.protocol, "k": settings.evaluation.k}
        self._tags = {"git_sha": git_sha(), **comparable, **(tags or {})}
        where = json.dumps({"uri": settings.data_folder.as_uri()})
        self._data = Dataset(source, data, "local", where) if data else None
        self._experiments: dict[str, str] = {}

    @classmethod
    def of(cls, run: StageRun, **tags: object) -> "Tracking":
        """The store for a run of a stage, whose MLflow runs name its flow run and its data set."""
        named = {"prefect_flow_run_id": run.flow_run_id, **tags}
        return cls(run.settings, named, data_fingerprint(run.warehouse))

    def experiment(self, stage: str) -> str:
        """Return the id of the experiment polyrec-<stage>, made or described if that is missing."""
        if stage not in self._experiments:
            name = PREFIX + stage
            found = self.client.get_experiment_by_name(name)
            if found is None:
                with suppress(MlflowException):  # another process was first
                    # A file URI, so that runs are logged alike with and without a server.
                    self.client.create_experiment(name, artifact_location=(self._artifacts / name).as_uri())
                found = self.client.get_experiment_by_name(name)
            assert found is not None
            if stage in ABOUT and found.tags.get(MLFLOW_RUN_NOTE) != ABOUT[stage]:
                self.client.set_experiment_tag(found.experiment_id, MLFLOW_RUN_NOTE, ABOUT[stage])
            self._experiments[stage] = found.experiment_id
        return self._experiments[stage]

    @contextmanager
    def run(
        self,
        stage: str,
        name: str,
        tags: Mapping[str, object] | None = None,
        parent: str | None = None,
        about: str | None = None,
    ) -> Iterator[str]:
        """Start a run, give its id, and end it: FINISHED, FAILED on an error, KILLED on Ctrl-C.

        Args:
            stage: Names the experiment.
            name: Shown in the UI.
            tags: Added to those of this object, such as fit.
            parent: Id of the run that this one is shown under.
            about: The run's description in the UI.
        """
        own = {"stage": stage, MLFLOW_PARENT_RUN_ID: parent, MLFLOW_RUN_NOTE: about, **(tags or {})}
        everything = _present({**self._tags, **own})
        run = self.client.create_run(self.experiment(stage), tags=everything, run_name=name)
        if self._data is not None and (parent is None or stage not in TRIALS):  # a trial's parent has it
            used = DatasetInput(self._data, [InputTag(MLFLOW_DATASET_CONTEXT, everything.get("fit", stage))])
            self.client.log_inputs(run.info.run_id, [used])
        status = "FAILED"
        try:
            yield run.info.run_id
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            self.client.set_terminated(run.info.run_id, status)

    def log(
        self,
        run_id: str,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, object] | None = None,
        step: int = 0,
    ) -> None:
        """Log parameters, metrics and tags of a run in one call to the store (more only past its limits)."""
        now = int(time.time() * 1000)
        rest_metrics = [Metric(key, float(value), now, step) for key, value in (metrics or {}).items()]
        rest_params = [Param(key, value) for key, value in _present(params or {}).items()]
        rest_tags = [RunTag(key, value) for key, value in _present(tags or {}).items()]
        few, many = MAX_PARAMS_TAGS_PER_BATCH, MAX_METRICS_PER_BATCH - 2 * MAX_PARAMS_TAGS_PER_BATCH
        while rest_metrics or rest_params or rest_tags:
            self.client.log_batch(run_id, rest_metrics[:many], rest_params[:few], rest_tags[:few])
            rest_metrics, rest_params, rest_tags = rest_metrics[many:], rest_params[few:], rest_tags[few:]

    def log_figure(self, run_id: str, figure: "Figure", path: str) -> None:
        """Keep a plot as an HTML file that needs no network: plotly's script is inside (4 MB)."""
        self.client.log_text(run_id, figure.to_html(include_plotlyjs=True), path)

    def register_fusion(
        self,
        run_id: str,
        fusion: Mapping[str, Any],
        lists: pl.DataFrame,
        tags: Mapping[str, object] | None = None,
    ) -> str:
        """Register a new version of the model `polyrec` and return its number; the champion stays.

        Args:
            run_id: The run that chose this fusion; the model lies in its artifacts.
            fusion: Matchers, normaliser, weights, diversity: whatever JSON can hold.
            lists: Columns user_id, rank, item_id, score: what the model answers with.
            tags: Of the model version.
        """
        with tempfile.TemporaryDirectory() as folder:
            fusion_file, lists_file = Path(folder) / "fusion.json", Path(folder) / "lists.parquet"
            fusion_file.write_text(json.dumps(fusion, indent=2, sort_keys=True), encoding="utf-8")
            lists.select("user_id", "rank", "item_id", "score").write_parquet(lists_file)
            saved = Path(folder) / MODEL_FOLDER
            save_model(
                saved,
                python_model=str(MODEL_CODE),
                artifacts={"fusion": str(fusion_file), "lists": str(lists_file)},
                signature=_signature(),
                input_example={"user_id": ["a user id"]},  # of nobody: examples outlive people
                pip_requirements=["mlflow", "polars"],  # named: to infer them takes a process and the network
            )
            self.client.log_artifacts(run_id, str(saved), MODEL_FOLDER)
        try:
            self.client.create_registered_model(
                MODEL, description="Fused recommendation lists; the champion's are published."
            )
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{self.client.get_run(run_id).info.artifact_uri}/{MODEL_FOLDER}"
        version = self.client.create_model_version(
            MODEL, source, run_id, tags=_present(tags or {}), await_creation_for=0
        )
        return str(version.version)

    def register_lists(
        self,
        name: str,
        fusion: Mapping[str, Any],
        lists: pl.DataFrame,
        tags: Mapping[str, object],
        metrics: Mapping[str, float],
    ) -> tuple[str, str]:
        """Register a publication's lists in a run of their own; returns the run's id, and the new version.

        A fusion model that is published again, with another night's lists, thus leaves the older ones alone.
        """
        about = "One night's lists and the fusion behind them, as registered under the model polyrec."
        with self.run("publication", name, tags, about=about) as run_id:
            self.log(run_id, metrics=metrics)
            return run_id, self.register_fusion(run_id, fusion, lists, tags)

    def has_version(self, version: str) -> bool:
        """Whether the registry holds a version: its store may have been deleted beside the warehouse."""
        try:
            self.client.get_model_version(MODEL, version)
        except MlflowException:
            return False
        return True

    def set_champion(self, version: str) -> None:
        """Let the alias `champion` point at a version of the model `polyrec`."""
        self.client.set_registered_model_alias(MODEL, CHAMPION, version)

    def champion(self) -> str | None:
        """Return the version that the alias `champion` points at, if there is one."""
        try:
            return str(self.client.get_model_version_by_alias(MODEL, CHAMPION).version)
        except MlflowException:
            return None

    def load_champion(self) -> PyFuncModel:
        """Load the champion; its `predict` takes user ids."""
        version = self.client.get_model_version_by_alias(MODEL, CHAMPION)
        return load_model(str(version.source))


def _let_readers_in(database: Path) -> None:
    """Use a write-ahead log: the MLflow server reads while runs are written, and a commit costs one sync."""
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        if connection.execute("pragma journal_mode").fetchone()[0] != "wal":
            connection.execute("pragma journal_mode = wal")


def _present(values: Mapping[str, object]) -> dict[str, str]:
    """Return the values as text, without those that are None."""
    return {key: str(value) for key, value in values.items() if value is not None}


def _signature() -> ModelSignature:
    users = ColSpec(DataType.string, "user_id")
    item, rank, score = (DataType.string, "item_id"), (DataType.long, "rank"), (DataType.double, "score")
    return ModelSignature(
        inputs=Schema([users]),
        outputs=Schema([users, *(ColSpec(*column) for column in (rank, item, score))]),
        params=ParamSchema([ParamSpec("k", DataType.long, 10)]),
    )
