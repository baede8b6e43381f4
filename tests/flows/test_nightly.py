"""The main job on a small slice, with the real models: what it leaves behind."""

import json
import re
from pathlib import Path
from typing import cast

import mlflow.artifacts
import numpy as np
import pandas as pd
import polars as pl
import pytest
from mlflow.entities import Run

from tasks.run.stage import StageRun
from tasks.run.step import counted, step
from tasks.run.tracking import Tracking
from tests.flows.nights import STAGES, TEXTS, lists_of, report_of
from tests.homes import ITEMS, LIST_LENGTH, MATCHERS, TRIALS, USERS, Home
from warehouse.columns import FITS, LISTS, PARTS_OF_FIT
from warehouse.connection import writing
from warehouse.snapshot import reading

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def events_of(home: Home, fit: str) -> pl.DataFrame:
    return home.query("fit_interactions", protocol="temporal_user", parts=list(PARTS_OF_FIT[fit]))


def unseen(home: Home, fit: str) -> dict[str, int]:
    """How many items each user has not seen in a fit window."""
    seen = dict(events_of(home, fit).group_by("user_id").agg(pl.col("item_id").n_unique()).rows())
    return {user: ITEMS - seen.get(user, 0) for user in home.query("users")["user_id"]}


def children(runs: list[Run]) -> list[Run]:
    return [run for run in runs if "mlflow.parentRunId" in run.data.tags]


def runs_of(tracking: Tracking, stage: str) -> list[Run]:
    experiment = tracking.client.get_experiment_by_name(f"polyrec-{stage}")
    assert experiment is not None
    return list(tracking.client.search_runs([experiment.experiment_id], max_results=1000))


@pytest.fixture(scope="module")
def tracking(finished: Home) -> Tracking:
    return Tracking(finished.settings)


class TestFinished:
    """After the first run."""

    def test_core_tables_hold_the_slice(self, finished: Home) -> None:
        counts = finished.query("data_counts").row(0, named=True)
        assert (counts["items"], counts["users"]) == (ITEMS, USERS)
        parts = dict(finished.query("split_parts").select("part", "interactions").rows())
        assert set(parts) == {"train", "validation", "test"}
        assert sum(parts.values()) == counts["interactions"]
        assert parts["train"] > parts["validation"] > 0 < parts["test"]

    def test_every_item_has_a_text_from_each_angle(self, finished: Home) -> None:
        texts = finished.query("live_texts")
        assert texts.height == texts.select("item_id", "slot").unique().height == TEXTS
        assert texts["angle"].unique().sort().to_list() == ["audience", "mood", "story"]
        assert (texts["log_prob"] < 0).all()
        assert (texts["n_tokens"] > 0).all()
        assert texts["whole_sentence"].mean() >= 0.95  # type: ignore[operator]
        assert texts["text"].n_unique() == TEXTS
        assert finished.counts("corpus")["generated"] == TEXTS

    def test_every_text_and_item_has_a_vector(self, finished: Home) -> None:
        texts = finished.query("live_text_vectors")
        items = finished.query("item_vectors")
        assert (texts.height, items.height) == (TEXTS, ITEMS)
        for frame in (texts, items):
            vectors = frame["vector"].to_numpy()
            np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)

    @pytest.mark.parametrize("fit", FITS)
    def test_every_user_with_a_history_has_interests(self, finished: Home, fit: str) -> None:
        vectors = finished.query("user_vectors", fit=fit)
        assert set(vectors["user_id"]) == set(events_of(finished, fit)["user_id"])

    @pytest.mark.parametrize("fit", FITS)
    def test_every_matcher_scores_the_same_candidates(self, finished: Home, fit: str) -> None:
        scores = finished.query("candidate_scores", fit=fit, matchers=sorted(MATCHERS))
        assert set(scores["matcher"]) == MATCHERS
        assert scores["score"].is_finite().all()
        candidates = [of.select("user_id", "item_id").rows() for _, of in scores.group_by("matcher")]
        assert all(rows == candidates[0] for rows in candidates)
        assert set(scores["user_id"]) == {user for user, items in unseen(finished, fit).items() if items}
        # Whose history is empty has no interests that a text could match.
        known = finished.query("user_vectors", fit=fit)["user_id"].unique()
        by_text = scores.filter(pl.col("matcher").str.starts_with("cosine"))
        matched = by_text.filter(pl.col("text_id").is_not_null())["user_id"].unique()
        assert set(matched) == set(known) & set(scores["user_id"])
        assert not by_text.filter(pl.col("user_id").is_in(matched.implode()))["text_id"].has_nulls()

    def test_lists_hold_nothing_already_seen(self, finished: Home) -> None:
        lists = lists_of(finished)
        seen = finished.query("interactions")
        assert lists.join(seen, on=["user_id", "item_id"], how="semi").is_empty()
        assert lists.select("user_id", "item_id").is_unique().all()
        lengths = {user: min(LIST_LENGTH, items) for user, items in unseen(finished, "all").items() if items}
        assert len(lengths) >= USERS - 1
        ranks = {str(user): rows["rank"].to_list() for (user,), rows in lists.group_by("user_id")}
        assert ranks == {user: list(range(1, length + 1)) for user, length in lengths.items()}

    def test_contributions_add_up_to_the_score(self, finished: Home) -> None:
        weights = report_of(finished)["fusion"]["weights"]
        for row in lists_of(finished).iter_rows(named=True):
            contributions = json.loads(row["contributions"])
            assert set(contributions) == set(weights) == MATCHERS
            assert sum(contributions.values()) == pytest.approx(row["score"], abs=1e-6)

    def test_every_recommendation_to_someone_known_has_a_reason(self, finished: Home) -> None:
        lists = lists_of(finished)
        texts = finished.query("live_texts").select("item_id", "angle", "text")
        lists = lists.filter(pl.col("user_id").is_in(finished.query("interactions")["user_id"].implode()))
        assert lists.join(texts, on=["item_id", "angle", "text"], how="semi").height == lists.height > 0

    def test_readers_see_the_publication(self, finished: Home) -> None:
        current = finished.query("current_publication").row(0, named=True)
        assert current["state"] == "published"
        assert current["publication_id"].endswith(current["lists_hash"][:8])
        with reading(finished.data) as snapshot:
            assert snapshot.query("published_lists", lists=LISTS).equals(lists_of(finished))

    def test_report_has_every_figure(self, finished: Home) -> None:
        report = report_of(finished)
        assert list(report["stages"]) == STAGES
        assert {*report["models"], "inverse_popularity"} == MATCHERS
        figures = {"ndcg_at_10", "recall_at_10", "coverage_at_10", "effective_catalogue_at_10", "ild_at_10"}
        for model in (*report["models"].values(), report["fusion"]):
            for part in ("val", "test"):
                assert figures <= set(model[part])
        comparison = report["fusion"]["test"]["vs_best_single"]
        assert comparison["low"] <= comparison["difference"] <= comparison["high"]
        assert len(report["fusion"]["test"]["ndcg_ci"]) == 2
        assert report["test_looks"] == 1
        assert sum(report["fusion"]["weights"].values()) == pytest.approx(1)


class TestTracked:
    """What the UIs show after the first run."""

    def test_every_run_is_finished_and_names_its_flow_run(self, tracking: Tracking) -> None:
        for stage in ("corpus", "embedding", "matching", "fusion", "evaluation"):
            runs = runs_of(tracking, stage)
            assert {run.info.status for run in runs} == {"FINISHED"}
            assert all(run.data.tags["prefect_flow_run_id"] for run in runs)

    def test_every_trial_is_a_child_that_can_be_compared(self, tracking: Tracking) -> None:
        trials = children(runs_of(tracking, "fusion"))
        assert len(trials) == 3 * TRIALS  # both halves of the users, and all
        for trial in trials:
            assert {"val_ndcg_at_10", "val_ild_at_10"} <= set(trial.data.metrics)
            weights = [float(trial.data.params[f"weight_{name}"]) for name in MATCHERS]
            assert sum(weights) == pytest.approx(1)

    def test_pareto_front_is_a_plot(self, tracking: Tracking) -> None:
        (parent,) = [run for run in runs_of(tracking, "fusion") if "mlflow.parentRunId" not in run.data.tags]
        file = mlflow.artifacts.download_artifacts(f"{parent.info.artifact_uri}/pareto.html")
        assert "Plotly.newPlot" in Path(file).read_text(encoding="utf-8")

    def test_every_matcher_is_a_child_with_figures_and_times(self, tracking: Tracking) -> None:
        runs = children(runs_of(tracking, "matching"))
        assert {(run.data.params["matcher"], run.data.tags["fit"]) for run in runs} == {
            (name, fit) for name in MATCHERS for fit in FITS
        }
        for run in runs:
            assert {"fit_seconds", "score_seconds"} <= set(run.data.metrics)
            judged = run.data.tags["fit"] == "train" and run.data.params["matcher"] != "inverse_popularity"
            assert ("val_ndcg_at_10" in run.data.metrics) == judged

    def test_matchers_are_judged_alike_by_matching_and_evaluation(
        self, tracking: Tracking, finished: Home
    ) -> None:
        report = report_of(finished)
        for run in children(runs_of(tracking, "matching")):
            if run.data.tags["fit"] == "train" and run.data.params["matcher"] != "inverse_popularity":
                judged = report["models"][run.data.params["matcher"]]["val"]
                for metric in ("ndcg_at_10", "recall_at_10", "ild_at_10"):
                    assert run.data.metrics[f"val_{metric}"] == pytest.approx(judged[metric], abs=1e-9)

    def test_champion_answers_with_the_published_lists(self, tracking: Tracking, finished: Home) -> None:
        assert tracking.champion() == "1"
        lists = lists_of(finished)
        user = lists["user_id"][0]
        answer = tracking.load_champion().predict(pd.DataFrame({"user_id": [user]}), params={"k": 5})
        expected = lists.filter((pl.col("user_id") == user) & (pl.col("rank") <= 5))
        assert list(answer["item_id"]) == expected["item_id"].to_list()

    @pytest.mark.parametrize(
        "key", ["ingest", "texts", "vectors", "matchers", "pareto-front", "report", "retention"]
    )
    def test_artifact_is_in_prefect(self, finished: Home, key: str) -> None:
        from prefect.artifacts import Artifact

        assert finished
        artifact = cast("Artifact | None", Artifact.get(key))
        assert artifact is not None
        assert artifact.data

    def test_flow_runs_and_steps_are_named_by_what_they_are(self, finished: Home) -> None:
        from prefect import get_client

        assert finished
        with get_client(sync_client=True) as client:
            flows = [run.name for run in client.read_flow_runs()]
            tasks = {run.name for run in client.read_task_runs()}
        for flow in ("nightly", *STAGES):
            assert any(re.fullmatch(rf"{flow} \d{{4}}-\d\d-\d\d #[1-9]\d*", name) for name in flows)
        assert len(set(flows)) == len(flows)
        assert {"plan texts", "interest vectors of train", "evaluate test", "compact"} <= tasks

    def test_a_step_logs_what_it_counted(
        self, finished: Home, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        from prefect import flow

        @step("count", "count {fit}")
        def count(run: StageRun, fit: str) -> None:
            run.counts[f"rows_{fit}"] = 1234567
            counted(users=2)

        with writing(tmp_path, "a test") as warehouse, caplog.at_level("INFO", logger="prefect"):
            run = StageRun("matching", finished.settings, warehouse, None)
            flow(name="counting")(lambda: count(run, "train"))()
        assert run.counts == {"rows_train": 1234567}
        assert any(
            "count train: users 2, rows_train 1,234,567, " in message for message in caplog.messages
        ), caplog.messages
