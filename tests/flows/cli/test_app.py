"""The command line: what it prints, and that what a user can mend is one line and exit code 2."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from flows.cli.options import settings_file
from tasks.settings import PROJECT
from tests.flows.commands import Answer, refused

COMMANDS = (
    *("init", "check", "forget", "run", "recommend", "texts", "export", "report", "ablate", "tune", "rules"),
    *("explain", "publications", "rollback", "ui"),
)


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
        "from flows.cli.app import main\n"
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
