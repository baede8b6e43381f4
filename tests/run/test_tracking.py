import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pandas as pd
import plotly.graph_objects as go
import polars as pl
import pytest

from tasks.run.tracking import Tracking, git_sha
from tasks.settings import Settings
from tests.empty import with_tracking


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    """One store for the module."""
    settings = with_tracking(Settings(home=tmp_path_factory.mktemp("home")))
    return Tracking(settings, {"split_hash": "abc", "fit": None}, data="d1")


@pytest.fixture(scope="module")
def lists() -> pl.DataFrame:
    rows = [(user, rank, f"{user}{rank}", 1.0 / rank) for user in ("ann", "bob") for rank in range(1, 13)]
    return pl.DataFrame(rows, schema=["user_id", "rank", "item_id", "score"], orient="row")


def read_artifact(tracking: Tracking, run_id: str, path: str) -> str:
    return Path(tracking.client.download_artifacts(run_id, path)).read_text(encoding="utf-8")


def test_run_keeps_tags_params_and_metrics(tracking: Tracking) -> None:
    with tracking.run("matching", "ease", tags={"fit": "train"}) as run_id:
        tracking.log(run_id, params={"l2": 500.0}, metrics={"val_ndcg_at_10": 0.25}, tags={"seen": 1})
    run = tracking.client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "ease"
    assert run.data.params == {"l2": "500.0"}
    assert run.data.metrics == {"val_ndcg_at_10": 0.25}
    wanted = {"stage": "matching", "fit": "train", "split_hash": "abc", "git_sha": git_sha(), "seen": "1"}
    wanted |= {"dataset": "movielens-100k", "protocol": "temporal_user", "k": "10"}
    assert wanted.items() <= run.data.tags.items()


def test_the_data_set_is_an_input_of_every_run(tracking: Tracking) -> None:
    with tracking.run("matching", "ease", {"fit": "train"}) as run_id:
        pass
    inputs = tracking.client.get_run(run_id).inputs
    assert inputs is not None
    (used,) = inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("movielens-100k", "d1")
    assert {tag.key: tag.value for tag in used.tags} == {"mlflow.data.context": "train"}


def test_experiments_and_runs_are_described(tracking: Tracking) -> None:
    with tracking.run("fusion", "search", about="What was asked.") as run_id:
        pass
    run = tracking.client.get_run(run_id)
    assert run.data.tags["mlflow.note.content"] == "What was asked."
    experiment = tracking.client.get_experiment(run.info.experiment_id)
    assert "one search of the fusion's weights" in experiment.tags["mlflow.note.content"]


def test_tag_without_value_is_left_out(tracking: Tracking) -> None:
    with tracking.run("ingest", "plain") as run_id:
        pass
    tags = tracking.client.get_run(run_id).data.tags
    assert "fit" not in tags
    assert "mlflow.parentRunId" not in tags


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_error_ends_the_run_and_goes_on_up(
    tracking: Tracking, error: type[BaseException], status: str
) -> None:
    started: list[str] = []
    with pytest.raises(error), tracking.run("fusion", "broken") as run_id:
        started.append(run_id)
        raise error
    assert tracking.client.get_run(started[0]).info.status == status


def test_nothing_becomes_the_active_run(tracking: Tracking) -> None:
    with tracking.run("fusion", "quiet"):
        assert mlflow.active_run() is None


def test_experiments_are_found_again_and_keep_their_artifacts_in_the_home(tracking: Tracking) -> None:
    first = tracking.experiment("corpus")
    experiment = tracking.client.get_experiment(first)
    assert experiment.name == "polyrec-corpus"
    assert experiment.artifact_location.startswith("file:///")
    assert experiment.artifact_location.endswith("/mlflow/data/artifacts/polyrec-corpus")
    tracking._experiments.clear()
    assert tracking.experiment("corpus") == first


def test_more_than_one_batch_is_logged_whole(tracking: Tracking) -> None:
    params = {f"p{i}": i for i in range(250)}
    metrics = {f"m{i}": float(i) for i in range(1700)}
    with tracking.run("evaluation", "large") as run_id:
        tracking.log(run_id, params=params, metrics=metrics)
    data = tracking.client.get_run(run_id).data
    assert data.metrics == metrics
    assert data.params == {key: str(value) for key, value in params.items()}


@pytest.mark.parametrize("n", [40, pytest.param(200, marks=pytest.mark.thorough)])
def test_children_are_logged_in_seconds_from_threads(tracking: Tracking, n: int) -> None:
    tracking.experiment("fusion")
    start = time.perf_counter()
    with tracking.run("fusion", "search") as parent, ThreadPoolExecutor(2) as pool:

        def trial(number: int) -> None:
            with tracking.run("fusion", f"trial-{number}", parent=parent) as run_id:
                tracking.log(run_id, params={"w": number}, metrics={"val_ndcg_at_10": number / n})

        list(pool.map(trial, range(n)))
    seconds = time.perf_counter() - start
    children = tracking.client.search_runs(
        [tracking.experiment("fusion")],
        f"tags.`mlflow.parentRunId` = '{parent}'",
        order_by=["metrics.val_ndcg_at_10 DESC"],
        max_results=1000,
    )
    assert [child.data.params["w"] for child in children] == [str(n) for n in reversed(range(n))]
    assert {child.info.status for child in children} == {"FINISHED"}
    assert seconds < 60, "200 take about 5 s on two quiet cores"


def test_artifacts_can_be_read_without_a_network(tracking: Tracking) -> None:
    with tracking.run("fusion", "artifacts") as run_id:
        tracking.log_figure(run_id, go.Figure(go.Scatter(x=[1, 2], y=[3, 4])), "pareto.html")
        tracking.client.log_dict(run_id, {"ease": 0.5}, "plots/weights.json")
        tracking.client.log_text(run_id, "# Report", "report.md")
    assert json.loads(read_artifact(tracking, run_id, "plots/weights.json")) == {"ease": 0.5}
    assert read_artifact(tracking, run_id, "report.md") == "# Report"
    html = read_artifact(tracking, run_id, "pareto.html")
    assert "Plotly.newPlot" in html
    assert '<script src="' not in html  # plotly itself is inside


def test_registered_model_answers_with_the_lists(tracking: Tracking, lists: pl.DataFrame) -> None:
    assert tracking.champion() is None
    fusion = {"weights": {"ease": 0.75, "popularity": 0.25}, "diversity": 0.1}
    with tracking.run("fusion", "chosen") as run_id:
        first = tracking.register_fusion(run_id, fusion, lists, tags={"fusion_id": "f1"})
        second = tracking.register_fusion(run_id, fusion, lists)
    assert (first, second) == ("1", "2")
    assert tracking.champion() is None
    tracking.set_champion("1")
    assert tracking.champion() == "1"

    model = tracking.load_champion()
    assert model.unwrap_python_model().fusion == fusion
    answer = model.predict(pd.DataFrame({"user_id": ["bob", "nobody", "ann"]}), params={"k": 2})
    assert answer.to_dict("records") == [
        {"user_id": "bob", "rank": 1, "item_id": "bob1", "score": 1.0},
        {"user_id": "bob", "rank": 2, "item_id": "bob2", "score": 0.5},
        {"user_id": "ann", "rank": 1, "item_id": "ann1", "score": 1.0},
        {"user_id": "ann", "rank": 2, "item_id": "ann2", "score": 0.5},
    ]
    assert len(model.predict(pd.DataFrame({"user_id": ["ann"]}))) == 10
    with pytest.raises(Exception, match="at least 1, got 0"):
        model.predict(pd.DataFrame({"user_id": ["ann"]}), params={"k": 0})
