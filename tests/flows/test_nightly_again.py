"""The main job on top of a finished one, edited, forgotten in, killed, and from another empty home."""

import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from flows.rollback import roll_back
from serving.visitors import Visitor, Visitors
from tasks.fusion.publications import listed
from tasks.fusion.steps import is_new, known_model
from tasks.ingest import movielens
from tasks.matching.saved import forget_users
from tasks.models import engines
from tasks.run.forgetting import forget
from tasks.run.stage import StageRun
from tasks.run.tracking import Tracking
from tasks.settings import PROJECT
from tests.flows.nights import STAGES, TEXTS, lists_of, report_of
from tests.flows.processes import clean_environment
from tests.homes import MATCHERS, SLOTS, Home, new_home, run_flow
from warehouse.columns import FITS, LISTS
from warehouse.connection import writing
from warehouse.forgetting import rows_of
from warehouse.snapshot import reading

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


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
    home = new_home(tmp_path_factory.mktemp("second"), tables=False)
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


def test_what_is_published_needs_no_search(finished: Home, tmp_path: Path) -> None:
    home = finished.copy(tmp_path)
    with writing(home.data, "a test") as warehouse:
        run = StageRun("fusion", home.settings, warehouse, None)
        assert not is_new.fn(run)
        assert known_model.fn(run) == warehouse.query("current_publication")["fusion_id"].item()


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

        # The language model is let go of once it has written.
        assert engines._loaded.cache_info().currsize == 0
        assert again.query("titles", items=["7"])["title"].item() == "Seven Apes"
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
        gone = forget(home.settings, person, forget_users)
        assert set(gone.tables) >= {"core.users", "core.interactions", "matching.scores"}
        assert gone.tracked and gone.matchers and gone.cleared
        with reading(home.data) as snapshot:
            asked = Visitors.load(snapshot, home.settings).recommend(Visitor(history=["1", "7"]))
            assert len(asked["items"]) == 10
            now = listed(snapshot, 0, datetime.now(UTC))["publications"][0]
            assert now["users"] == snapshot.query("published_lists", lists=LISTS)["user_id"].n_unique()
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
