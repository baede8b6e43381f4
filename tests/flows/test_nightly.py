"""The main job on a small slice, with the real models: what it leaves behind, run again, edited, killed."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

import mlflow.artifacts
import numpy as np
import pandas as pd
import polars as pl
import pytest
from mlflow.entities import Run

from flows.rollback import roll_back
from tasks.evaluation.summary import build_report
from tasks.forgetting import forget
from tasks.ingest import movielens
from tasks.settings import PROJECT
from tasks.tracking import Tracking
from tests.flows.processes import clean_environment
from tests.homes import ITEMS, LIST_LENGTH, MATCHERS, SLOTS, TRIALS, USERS, Home, new_home, run_flow
from warehouse.columns import FITS, LISTS, PARTS_OF_FIT
from warehouse.connection import writing
from warehouse.forgetting import rows_of
from warehouse.snapshot import reading

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TEXTS = ITEMS * SLOTS
STAGES = ["ingest", "corpus", "embedding", "matching", "fusion", "evaluation"]


def report_of(home: Home) -> dict[str, Any]:
    with reading(home.data) as snapshot:
        return build_report(snapshot)


def lists_of(home: Home) -> pl.DataFrame:
    return home.query("published_lists", lists=LISTS)


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


def command(home: Home) -> list[str]:
    return [sys.executable, "-m", "flows.cli", "run", "--config", str(home.config)]


def run_command(home: Home, prefect_api: str) -> str:
    """Run the whole job in a process of its own; returns what it printed."""
    environment = clean_environment(PREFECT_API_URL=prefect_api, COLUMNS="160")
    answer = subprocess.run(
        command(home), cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=400
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.fixture(scope="module")
def told_again(
    finished: Home, prefect_api: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Home, str]:
    """A finished home after a second run, by the command, and what that printed."""
    home = finished.copy(tmp_path_factory.mktemp("again"))
    return home, run_command(home, prefect_api)


@pytest.fixture(scope="module")
def again(told_again: tuple[Home, str]) -> Home:
    return told_again[0]


@pytest.fixture(scope="module", params=["whole", pytest.param("killed", marks=pytest.mark.thorough)])
def second(
    request: pytest.FixtureRequest,
    finished: Home,
    prefect_api: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Home, int]:
    """Another home that was empty, after a whole run, and how many texts it held before.

    Either the run is in this process and meets nothing, or it is in one of its own, so that no order of a set
    can hide, and meets what was left by one that was killed while it wrote texts.
    """
    home = new_home(tmp_path_factory.mktemp("second"), finished.models, tables=False)
    if request.param == "whole":
        run_flow(home, "nightly")
        return home, 0
    kept = texts_before_a_kill(home, prefect_api)
    run_command(home, prefect_api)
    return home, kept


def texts_before_a_kill(home: Home, prefect_api: str) -> int:
    """Start the job, and kill it once it has written a shard; returns how many texts are there."""
    log = home.folder / "log"
    environment = clean_environment(PREFECT_API_URL=prefect_api, FORCE_COLOR="1", COLUMNS="120")
    with log.open("w") as output:
        process = subprocess.Popen(
            command(home), cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            # The bar moves when a shard is committed; FORCE_COLOR lets it move in a file too.
            deadline = time.monotonic() + 300
            while not re.search(rf"[1-9]\d*/{TEXTS}\b", log.read_text(encoding="utf-8")):
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            process.kill()
            process.wait()
    kept = home.query("known_texts").height
    assert 0 < kept < TEXTS
    return kept


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
        assert {*report["models"], "rarity"} == MATCHERS
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
            judged = run.data.tags["fit"] == "train" and run.data.params["matcher"] != "rarity"
            assert ("val_ndcg_at_10" in run.data.metrics) == judged

    def test_matchers_are_judged_alike_by_matching_and_evaluation(
        self, tracking: Tracking, finished: Home
    ) -> None:
        report = report_of(finished)
        for run in children(runs_of(tracking, "matching")):
            if run.data.tags["fit"] == "train" and run.data.params["matcher"] != "rarity":
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


class TestAgain:
    """Runs on top of a finished one."""

    def test_nothing_is_made_twice(self, again: Home) -> None:
        corpus, embedding = again.counts("corpus"), again.counts("embedding")
        assert (corpus["generated"], corpus["reused"]) == (0, TEXTS)
        assert embedding["encoded"] == 0
        assert [embedding[f"interests_{fit}"] for fit in FITS] == [0, 0, 0]
        assert not [key for key in again.counts("matching") if key.startswith("score_rows")]
        assert "trials" not in again.counts("fusion")

    def test_publication_and_report_stay(self, again: Home, finished: Home) -> None:
        before, after = (home.query("current_version") for home in (finished, again))
        assert after.equals(before)
        assert again.query("test_looks").height == 1
        for key in ("dataset", "split_hash", "models", "fusion", "lists_hash"):
            assert report_of(again)[key] == report_of(finished)[key]
        assert report_of(again)["texts"]["reused"] == TEXTS
        assert Tracking(again.settings).champion() == "1"

    def test_command_prints_the_report_three_lists_and_where_to_look(
        self, told_again: tuple[Home, str]
    ) -> None:
        printed = told_again[1]
        for words in (*MATCHERS, "fusion", "polyrec ui", "polyrec report --json"):
            assert words in printed
        assert len(re.findall(r"Recommended to user \d+", printed)) == 3
        assert "Traceback" not in printed

    def test_editing_a_title_writes_that_items_texts_alone(
        self, again: Home, finished: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        delivered = tmp_path / "delivered"
        shutil.copytree(movielens.data_folder(), delivered)
        file = delivered / "MovieLens100k_items.parquet.brotli"
        title = pl.when(pl.col("movie_id") == 7).then(pl.lit("Seven Apes (1995)")).otherwise("movie_title")
        pl.read_parquet(file).with_columns(movie_title=title).write_parquet(file, compression="brotli")
        monkeypatch.setattr(movielens, "data_folder", lambda: delivered)
        for stage in ("ingest", "corpus", "embedding"):
            run_flow(again, stage)

        assert again.query("item", item_id="7")["title"].item() == "Seven Apes"
        corpus, embedding = again.counts("corpus"), again.counts("embedding")
        assert (corpus["generated"], corpus["reused"]) == (SLOTS, TEXTS - SLOTS)
        assert (embedding["encoded_items"], embedding["encoded_texts"]) == (1, SLOTS)
        columns = ("item_id", "slot", "text_id")
        before, after = (set(home.query("live_texts").select(columns).rows()) for home in (finished, again))
        assert {row[0] for row in before ^ after} == {"7"}
        assert len(after) == TEXTS


class TestChampion:
    """A second search meets the champion; then its lists are taken back."""

    def test_kept_published_and_rolled_back(self, finished: Home, tmp_path: Path) -> None:
        home = finished.copy(tmp_path / "home")
        first = finished.query("current_version").row(0, named=True)
        settings = home.config.read_text(encoding="utf-8").replace("[fusion]", '[fusion]\npromote = "never"')
        home.config.write_text(settings, encoding="utf-8")
        for stage in ("fusion", "evaluation"):
            run_flow(home, stage)
        told = report_of(home)["champion"]
        assert (told["outcome"], told["fusion_id"]) == ("kept", first["fusion_id"])
        assert told["low"] <= told["difference"] <= told["high"] and told["users"] > 0
        # The same search on the same data: the champion, out of fold, is worth what the report said of it.
        figures = [report_of(one)["fusion"]["val"]["ndcg_at_10"] for one in (finished, home)]
        assert figures[1] == pytest.approx(figures[0]) == pytest.approx(told["champion"])
        second = home.query("current_version").row(0, named=True)
        assert second["publication_id"] != first["publication_id"] and second["model_version"] == "2"
        assert Tracking(home.settings).champion() == "2"
        run = Tracking(home.settings).client.get_model_version("polyrec", "2")
        assert run.tags["outcome"] == "kept"

        answer = roll_back(home.settings, None)
        assert (answer["origin_id"], answer["left_out"]) == (first["publication_id"], 0)
        assert Tracking(home.settings).champion() == "3"
        assert lists_of(home).equals(lists_of(finished))
        run_flow(home, "fusion")  # nothing is new: they stay
        assert home.query("current_version")["publication_id"].item() == answer["publication_id"]


class TestForgotten:
    """A person is forgotten after a run; what runs next knows nobody of that name."""

    def test_stages_go_on_without_the_person(self, finished: Home, tmp_path: Path) -> None:
        home = finished.copy(tmp_path / "home")
        person = lists_of(home)["user_id"][0]
        gone = forget(home.settings, person)
        assert set(gone.tables) >= {"core.users", "core.interactions", "matching.scores"}
        assert gone.tracked and gone.matchers
        with reading(home.data) as snapshot:
            assert person not in snapshot.query("published_lists", lists=LISTS)["user_id"]
        for stage in STAGES[STAGES.index("embedding") :]:
            run_flow(home, stage)
        lists = lists_of(home)
        assert person not in lists["user_id"]
        assert lists["user_id"].n_unique() == lists_of(finished)["user_id"].n_unique() - 1
        with writing(home.data, "a test") as warehouse:
            assert rows_of(warehouse, person) == {}


class TestSecondHome:
    """Another empty home with the same seed: in one run, or in two of which the first was killed."""

    def test_what_was_written_is_not_written_again(self, second: tuple[Home, int]) -> None:
        home, kept = second
        counts = home.counts("corpus")
        assert (counts["reused"], counts["generated"]) == (kept, TEXTS - kept)

    def test_texts_are_those_of_the_first_home(self, second: tuple[Home, int], finished: Home) -> None:
        columns = ("item_id", "slot", "text_id", "text", "log_prob", "n_tokens")
        first, other = (home.query("live_texts").select(columns) for home in (finished, second[0]))
        assert other.equals(first)

    def test_one_seed_gives_one_result_from_two_empty_homes(
        self, second: tuple[Home, int], finished: Home
    ) -> None:
        first, other = report_of(finished), report_of(second[0])
        for key in ("dataset", "protocol", "seed", "split_hash", "models", "fusion", "lists_hash"):
            assert other[key] == first[key], key
        assert lists_of(second[0]).equals(lists_of(finished))

    def test_finished_home_is_as_the_first_run_left_it(self, finished: Home) -> None:
        """The other tests copy it: what one of them did must not be what another one sees."""
        with writing(finished.data, "a test") as warehouse:
            assert warehouse.query("last_runs").height == len(STAGES)
        assert finished.counts("corpus")["generated"] == TEXTS
