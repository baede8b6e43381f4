import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows import servers
from flows.servers import main, prefect_environment, running_prefect, serve_ui
from tasks.settings import PROJECT, Settings
from tests.empty import with_tracking
from tests.flows.processes import alive, answers, ask, clean_environment, free_port, started, wait_until
from warehouse.errors import PolyrecError


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that knows neither Prefect nor MLflow, put back afterwards."""
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "MLFLOW_", "POLYREC_"))]:
        monkeypatch.delenv(name)
    for name in ("DO_NOT_TRACK", "GIT_PYTHON_REFRESH"):
        monkeypatch.delenv(name, raising=False)
    # What prefect_environment adds goes when a copy of the environment takes its place again.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    return monkeypatch


@pytest.fixture
def stranger() -> Iterator[int]:
    """Answer 200 to everything; gives the port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def write_state(settings: Settings, pid: int, started: float) -> None:
    file = settings.data_folder / "prefect" / "server.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"pid": pid, "port": settings.prefect_port, "started": started}))


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, flows.servers; print({'prefect', 'mlflow', 'torch', 'polars'} & set(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"


def test_the_folder_mlflow_does_not_hide_the_package() -> None:
    assert not (PROJECT / "mlflow" / "__init__.py").exists()
    code = "import mlflow; print(mlflow.__version__)"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith("3.")


def test_environment_is_the_projects_own_and_sends_nothing(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prefect_environment(Settings(home=tmp_path))
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "warehouse" / "data" / "prefect")
    assert (tmp_path / "warehouse" / "data" / "prefect").is_dir()
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert "PREFECT_API_URL" not in os.environ


def test_what_the_environment_says_wins(
    environment: pytest.MonkeyPatch, tmp_path: Path, stranger: int
) -> None:
    settings = Settings(home=tmp_path, prefect_port=stranger)
    write_state(settings, os.getpid(), psutil.Process().create_time())
    environment.setenv("PREFECT_API_URL", "http://elsewhere/api")
    environment.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    prefect_environment(settings)
    assert os.environ["PREFECT_API_URL"] == "http://elsewhere/api"
    assert os.environ["PREFECT_LOGGING_LEVEL"] == "DEBUG"


def test_only_the_server_that_the_state_file_names_is_used(
    environment: pytest.MonkeyPatch, tmp_path: Path, stranger: int
) -> None:
    settings = Settings(home=tmp_path, prefect_port=stranger)
    started = psutil.Process().create_time()
    assert running_prefect(settings) is None  # something answers there, but it is not ours
    write_state(settings, os.getpid(), started - 1)
    assert running_prefect(settings) is None  # the pid was given to another process since
    write_state(settings, 2**22 + 1, started)
    assert running_prefect(settings) is None  # no such process
    write_state(settings, os.getpid(), started)
    assert running_prefect(settings) == f"http://127.0.0.1:{stranger}/api"
    prefect_environment(settings)
    assert os.environ["PREFECT_API_URL"] == f"http://127.0.0.1:{stranger}/api"


def test_own_server_that_does_not_answer_is_not_used(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, prefect_port=free_port())
    write_state(settings, os.getpid(), psutil.Process().create_time())
    assert running_prefect(settings) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": "x", "port": 1, "started": 2}'])
def test_damaged_state_file_means_no_server(tmp_path: Path, text: str) -> None:
    settings = Settings(home=tmp_path)
    write_state(settings, 1, 1.0)
    (settings.data_folder / "prefect" / "server.json").write_text(text)
    assert running_prefect(settings) is None


@pytest.mark.parametrize("key", ["prefect_port", "mlflow_port"])
def test_port_in_use_is_said_before_anything_starts(
    environment: pytest.MonkeyPatch, tmp_path: Path, stranger: int, key: str
) -> None:
    ports: dict[str, Any] = {"prefect_port": free_port(), "mlflow_port": free_port(), key: stranger}
    with pytest.raises(PolyrecError, match=rf"port {stranger}, .* in use by another program; .* set {key} "):
        serve_ui(Settings(home=tmp_path, **ports))
    assert not list(tmp_path.rglob("server.log"))


def test_server_that_ends_stops_the_other_and_names_its_log(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def toy(name: str, code: str) -> servers.Server:
        return servers.Server(name, free_port(), "x", (sys.executable, "-c", code), tmp_path / name, "/")

    lasting = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(600)"
    ending = "import time; print('no such table'); time.sleep(1); raise SystemExit(3)"
    environment.setattr(servers, "prefect_server", lambda settings: toy("Prefect", lasting))
    environment.setattr(servers, "mlflow_server", lambda settings: toy("MLflow", ending))
    # A handler of its own: whoever starts the tests in the background has them ignore Ctrl-C from the start.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(PolyrecError, match=r"MLflow server ended with code 3; read .*server\.log"):
            serve_ui(Settings(home=tmp_path))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, handler)
    assert (tmp_path / "MLflow" / "server.log").read_text() == "no such table\n"
    assert not psutil.pid_exists(int((tmp_path / "Prefect" / "pid").read_text()))


def test_unknown_process_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["perfect"]) == 2
    assert capsys.readouterr().err == "give one of prefect, mlflow, worker, got perfect\n"


def test_sigterm_stops_the_servers(tmp_path: Path) -> None:
    toy = (
        "def toy(settings):\n"
        "    port = next(ports)\n"
        "    command = (sys.executable, '-m', 'http.server', str(port), '--bind', '127.0.0.1')\n"
        "    return servers.Server('Toy', port, 'x', command, settings.home / str(port), '/')\n"
    )
    code = (
        f"import sys\nfrom pathlib import Path\nfrom flows import servers\n"
        f"from tasks.settings import Settings\nports = iter([{free_port()}, {free_port()}])\n{toy}"
        f"servers.prefect_server = servers.mlflow_server = toy\n"
        f"servers.serve_ui(Settings(home=Path({str(tmp_path)!r})))\n"
    )
    with started("-c", code) as process:
        lines = [process.stdout.readline() for _ in range(3)] if process.stdout else []
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        output, _ = process.communicate(timeout=60)
    assert lines[2].startswith("Ctrl-C"), lines
    assert (process.returncode, output) == (0, "stopping\n")
    assert len(family) == 2
    assert not alive(family)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_ui_shows_the_runs_made_without_it_and_ctrl_c_stops_it_whole(servers_home: Path) -> None:
    with_tracking(Settings(home=servers_home))
    ports = {"prefect_port": free_port(), "mlflow_port": free_port()}
    head = (
        "from pathlib import Path\nfrom flows.servers import *\nfrom tasks.settings import Settings\n"
        f"settings = Settings(home=Path({str(servers_home)!r}), **{ports})\n"
    )
    flow = (
        "prefect_environment(settings)\nwait = temporary_prefect(settings)\n"
        "import prefect\nfrom flows.cli.app import _leave\nwait()\n"
        "prefect.flow(name='before')(lambda: prefect.get_run_logger().info('said last'))()\n_leave(0)\n"
    )
    command = [sys.executable, "-c", head + flow]
    made = subprocess.run(
        command, cwd=PROJECT, env=clean_environment(), check=True, timeout=200, capture_output=True, text=True
    )
    assert "logging to API" not in made.stdout + made.stderr

    prefect, mlflow = (f"http://127.0.0.1:{port}" for port in ports.values())
    with started("-c", f"{head}serve_ui(settings)\n") as process:
        wait_until(lambda: answers(f"{prefect}/api/health") and answers(f"{mlflow}/health"), process)
        assert ask(f"{prefect}/ui-settings")["api_url"] == f"{prefect}/api"
        runs = ask(f"{prefect}/api/flow_runs/filter", {"flows": {"name": {"any_": ["before"]}}})
        assert [run["state_type"] for run in runs] == ["COMPLETED"]
        assert "said last" in [line["message"] for line in ask(f"{prefect}/api/logs/filter", {})]
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 2
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert prefect in output
    assert mlflow in output
    assert "Traceback" not in output
    assert not alive(family)
    assert not (servers_home / "warehouse" / "data" / "prefect" / "server.json").exists()
