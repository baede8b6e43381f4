"""The command line: what it prints, and that what a user can mend is one line and exit code 2."""

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from flows.cli.app import app
from flows.cli.options import settings_file
from tasks.settings import PROJECT
from tests.flows.commands import Answer, refused
from warehouse.errors import PolyrecError

COMMANDS = (
    *("init", "check", "forget", "run", "recommend", "texts", "export", "report", "ablate", "tune", "rules"),
    *("explain", "publications", "rollback", "ui", "relevance", "data"),
)

HEAVY = ("prefect", "mlflow", "torch", "openvino", "pydantic", "polars", "duckdb")


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help(polyrec: Callable[..., Answer], command: Sequence[str]) -> None:
    answer = polyrec(*command, "--help")
    assert answer.code == 0
    assert f"{' '.join(['polyrec', *command])} [OPTIONS]" in answer.out
    if command:
        assert {"init": "--force", "texts": "review", "ablate": "texts", "data": "get"}.get(
            command[0], "--config"
        ) in answer.out
    else:
        for name in COMMANDS:
            assert f" {name} " in answer.out


def every_command(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from every_command(inner, (*path, name))


@pytest.mark.parametrize(("path", "command"), list(every_command(get_command(app))))
def test_help_is_whole_at_eighty_columns(
    polyrec: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...], command: Any
) -> None:
    """Typer reads what stands in brackets as markup, and keeps the line ends of later paragraphs."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line.strip("│ ") for line in polyrec(*path, "--help").out.splitlines()]
    words = {word for line in lines for word in line.split()}
    for text in (command.help, *(one.help or "" for one in command.params)):
        assert set(text.split()) <= words
    _, *more = inspect.cleandoc(command.help).split("\n\n")
    assert all(line in lines for paragraph in more for line in paragraph.splitlines())


def test_help_imports_nothing_heavy() -> None:
    code = (
        f"import sys; HEAVY = {HEAVY}; sys.argv = ['polyrec', '--help']\n"
        "from flows.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: print('loaded:', set(HEAVY) & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
    )
    assert answer.stdout.endswith("loaded: set()\n")


def test_an_option_of_before_is_refused_with_its_new_name(polyrec: Callable[..., Answer]) -> None:
    refused(polyrec("ablate", "texts", "--final"), "--final is --test now")


def test_a_home_that_is_a_file(
    polyrec: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "[red]file"
    home.touch()
    monkeypatch.setenv("POLYREC_HOME", str(home))
    for command in ("report", "rules"):
        refused(polyrec(command), "Not a directory", "[red]file")


def test_an_error_of_several_lines_is_one_line(
    polyrec: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PolyrecError("one\n  two [/] :cat:\x1b[31m\n")

    monkeypatch.setattr("tasks.settings.load_settings", fail)
    refused(polyrec("report"), r"polyrec: one; two [/] :cat:\x1b[31m")


def test_what_nobody_foresaw_is_one_line_too(
    polyrec: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("tasks.settings.load_settings", fail)
    answer = polyrec("report")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == (
        "polyrec: this was not foreseen (PYTHONDEVMODE=1 shows where): ZeroDivisionError: by zero\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("recommend -5", "has no option -5; if it is an id, write it after --, and options before: "),
        ("recommend --k 3 -5 --json", "polyrec recommend --k 3 --json -- -5"),
        ("recommend --k=3 -5", "polyrec recommend --k=3 -- -5"),
        ("explain -5 -12", "polyrec explain -- -5 -12"),
        ("explain --no-counterfactual 3 -12", "polyrec explain --no-counterfactual -- 3 -12"),
        ("texts -12", "polyrec texts show -- -12"),
        ("texts show -12", "polyrec texts show -- -12"),
        ("forget --yes -5", "polyrec forget --yes -- -5"),
        ("report --jsn", "`polyrec report` has no option --jsn; did you mean --json?"),
        ("report -5", "`polyrec report` has no option -5; see `polyrec report --help`"),
        ("recommend a b", "extra argument(s) (b); an id with a space in it stands in quotes; see `polyrec"),
        ("recomend", "no such command 'recomend'. Did you mean 'recommend'?"),
        ("texts show", "missing argument 'item'; see `polyrec texts show --help`"),
        ("recommend 1 --k many", "invalid value for '--k'"),
    ],
)
def test_a_command_line_that_cannot_be_read_is_one_line(
    polyrec: Callable[..., Answer], words: str, said: str
) -> None:
    refused(polyrec(*words.split()), said)


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

    def test_the_file_beside_one_is_meant_where_none_is_named(
        self, polyrec: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "polyrec.toml").write_text("[fusion]\ntrials = 0\n", encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        refused(polyrec("report"), str(tmp_path / "polyrec.toml"), "'fusion.trials' is 0")
        (tmp_path / "empty").mkdir()
        monkeypatch.chdir(tmp_path / "empty")
        assert settings_file(None) is None  # the project's, then

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
