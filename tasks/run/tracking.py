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
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.run.mlflow_quiet import QUIET

os.environ.update({**QUIET, **os.environ})  # read while mlflow is imported

import polars as pl
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.pyfunc import PyFuncModel, load_model, save_model
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from mlflow.utils.validation import MAX_METRICS_PER_BATCH, MAX_PARAMS_TAGS_PER_BATCH

from tasks.settings import PROJECT, Settings

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MODEL = "polyrec"
CHAMPION = "champion"
MODEL_CODE = PROJECT / "serving" / "model.py"
MODEL_FOLDER = "model"  # inside a run's artifacts


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
        settings: Says where the store is.
        tags: Put on every run, with `stage` and `git_sha`: data_fingerprint, split_hash,
            prefect_flow_run_id. A tag whose value is None is left out.
    """

    def __init__(self, settings: Settings, tags: Mapping[str, object] | None = None) -> None:
        settings.mlflow_folder.mkdir(parents=True, exist_ok=True)
        self.client = MlflowClient(tracking_uri=settings.mlflow_uri, registry_uri=settings.mlflow_uri)
        _let_readers_in(settings.mlflow_folder / "mlflow.db")
        self._artifacts = settings.mlflow_folder / "artifacts"
        self._tags = {"git_sha": git_sha(), **(tags or {})}
        self._experiments: dict[str, str] = {}

    def experiment(self, stage: str) -> str:
        """Return the id of the experiment polyrec-<stage>, made if there is none."""
        if stage not in self._experiments:
            name = f"polyrec-{stage}"
            found = self.client.get_experiment_by_name(name)
            if found is None:
                # A file URI, so that runs are logged alike with and without a server.
                location = (self._artifacts / name).as_uri()
                try:
                    self._experiments[stage] = self.client.create_experiment(name, artifact_location=location)
                except MlflowException:  # another process was first
                    found = self.client.get_experiment_by_name(name)
                    if found is None:
                        raise
            if found is not None:
                self._experiments[stage] = found.experiment_id
        return self._experiments[stage]

    @contextmanager
    def run(
        self, stage: str, name: str, tags: Mapping[str, object] | None = None, parent: str | None = None
    ) -> Iterator[str]:
        """Start a run, give its id, and end it: FINISHED, FAILED on an error, KILLED on Ctrl-C.

        Args:
            stage: Names the experiment.
            name: Shown in the UI.
            tags: Added to those of this object, such as fit.
            parent: Id of the run that this one is shown under.
        """
        everything = {**self._tags, "stage": stage, MLFLOW_PARENT_RUN_ID: parent, **(tags or {})}
        run = self.client.create_run(self.experiment(stage), tags=_present(everything), run_name=name)
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
        self.log_text(run_id, figure.to_html(include_plotlyjs=True), path)

    def log_dict(self, run_id: str, values: Mapping[str, Any], path: str) -> None:
        """Keep a dictionary as JSON or YAML, by the ending of `path`."""
        self.client.log_dict(run_id, dict(values), path)

    def log_text(self, run_id: str, text: str, path: str) -> None:
        """Keep a text file: Markdown, HTML, ..."""
        self.client.log_text(run_id, text, path)

    def log_frame(self, run_id: str, frame: pl.DataFrame, path: str) -> None:
        """Keep a frame as a Parquet file."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / Path(path).name
            frame.write_parquet(file)
            parent = Path(path).parent.as_posix()
            self.client.log_artifact(run_id, str(file), None if parent == "." else parent)

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
        """Register the lists of a publication, in a run of their own; returns its id, and the new version.

        A fusion model that is published again, with another night's lists, thus leaves the older ones alone.

        Args:
            name: Of the run: the publication's id.
            fusion: What the lists were fused with: whatever JSON can hold.
            lists: Columns user_id, rank, item_id, score.
            tags: Of the run and of the version.
            metrics: Of the run.
        """
        with self.run("publication", name, tags) as run_id:
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
    columns = (
        ("user_id", DataType.string),
        ("rank", DataType.long),
        ("item_id", DataType.string),
        ("score", DataType.double),
    )
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "user_id")]),
        outputs=Schema([ColSpec(kind, name) for name, kind in columns]),
        params=ParamSchema([ParamSpec("k", DataType.long, 10)]),
    )
