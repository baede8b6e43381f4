import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import pipeline
from benchmarks.pipeline import Run, RunFailed, main, measure, stage_seconds, summary
from tests.homes import Home

RUNS = [
    Run(200.0, 900.0, {"ingest": 10.0, "corpus": 150.0}),
    Run(30.0, 1000.5, {"ingest": 9.0, "corpus": 1.0}),
    Run(20.0, 800.0, {"ingest": 8.0, "corpus": 1.0}),
]


def test_headline_figures() -> None:
    values = summary(RUNS)
    assert values["ratios"] == {
        "first_run_s": 200.0,
        "second_run_s": 25.0,  # between the second and the third
        "peak_rss_mb": 1000,
        "orchestration_share": 0.2,
    }
    assert values["stages"] == {"ingest": 10.0, "corpus": 150.0}
    assert values["machine"]["cores"] >= 1


def test_memory_counts_the_children(tmp_path: Path) -> None:
    hold = "import time; held = bytearray(150 * 2**20); time.sleep(1.5)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}], check=True)"
    seconds, peak = measure((sys.executable, "-c", parent), os.environ, tmp_path / "log")
    assert seconds >= 1.5
    assert 150 < peak < 400


def test_failed_run_shows_how_it_ended(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "print('no such film'); raise SystemExit(2)")
    with pytest.raises(RunFailed, match="code 2:\nno such film"):
        measure(command, os.environ, tmp_path / "log")


def test_writes_json_and_prints_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[int] = []

    def run_job(home: Path, times: int, _console: object) -> list[Run]:
        asked.append(times)
        assert not list(home.iterdir())
        return RUNS[:times]

    monkeypatch.setattr(pipeline, "run_job", run_job)
    file = tmp_path / "figures.json"
    assert main(["--json", str(file), "--home", str(tmp_path / "home")]) == 0
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    assert asked == [2]
    assert values["ratios"]["second_run_s"] == 30.0
    printed = capsys.readouterr().out
    assert "orchestration_share" in printed
    assert "outside stages" in printed


@pytest.mark.parametrize(
    ("arguments", "message"), [(["--runs", "1"], "at least 2"), (["--home", "."], "not empty")]
)
def test_bad_arguments_are_refused(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "something").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_stage_seconds_of_a_real_run(finished: Home) -> None:
    seconds = stage_seconds(finished.folder)
    assert list(seconds) == ["ingest", "corpus", "embedding", "matching", "fusion", "evaluation"]
    assert all(value > 0 for value in seconds.values())
