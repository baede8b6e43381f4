"""The Prefect and MLflow servers of this project, and the environment in which its flows run.

Prefect reads its environment when it is imported, so `prefect_environment` comes before that, and nothing
here imports it. Without a server each run starts a temporary one on the same database, so its runs are there
when `polyrec ui` is next opened.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
from rich.console import Console

from flows.signals import TERMINATED, raising
from tasks.run.mlflow_names import QUIET
from tasks.settings import PROJECT, Settings, load_settings
from warehouse.errors import PolyrecError

HOST = "127.0.0.1"
POOL = "polyrec"
PROCESSES = ("prefect", "mlflow", "worker")
START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Server:
    """A server that can be started as a child process."""

    name: str
    port: int
    port_key: str
    command: tuple[str, ...]
    folder: Path
    health: str
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """What it prints goes here."""
        return self.folder / "server.log"


def prefect_server(settings: Settings) -> Server:
    """Describe the Prefect server on this project's database."""
    port = settings.prefect_port
    command = (sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port))
    # The pages in the browser would otherwise ask port 4200, whatever the port.
    pages = {"PREFECT_SERVER_UI_API_URL": f"http://{HOST}:{port}/api"}
    folder = settings.data_folder / "prefect"
    return Server("Prefect", port, "prefect_port", command, folder, "/api/health", pages)


def mlflow_server(settings: Settings) -> Server:
    """Describe the MLflow server on this project's store: one worker, no jobs (2 processes, not 15)."""
    port, artifacts = settings.mlflow_port, (settings.mlflow_folder / "artifacts").as_uri()
    command = (
        *(sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", settings.mlflow_uri, "--serve-artifacts"),
        *("--artifacts-destination", artifacts),
    )
    return Server("MLflow", port, "mlflow_port", command, settings.mlflow_folder, "/health")


def prefect_environment(settings: Settings) -> None:
    """Set what Prefect and MLflow read from the environment; what is set there already wins.

    Runs go to the server of `polyrec ui` when it is up, else to a temporary one on the same database.
    """
    home = settings.data_folder / "prefect"
    home.mkdir(parents=True, exist_ok=True)  # Prefect makes only the last folder
    defaults = {
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # the first start makes the tables
        # The UI shows every line; the terminal belongs to progress bars and problems.
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        **QUIET,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "GIT_PYTHON_REFRESH": "quiet",  # MLflow warns where git is not installed
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    address = running_prefect(settings)
    if address is not None:
        os.environ.setdefault("PREFECT_API_URL", address)


def temporary_prefect(settings: Settings) -> Callable[[], None]:
    """Start a temporary Prefect server where a run would find none; returns what waits until it answers.

    It ends with this process. Where Prefect is loaded already, its environment cannot be changed any more: it
    starts one by itself.
    """
    asked = os.environ["PREFECT_SERVER_EPHEMERAL_ENABLED"].lower() in ("true", "1")
    if not asked or "PREFECT_API_URL" in os.environ or "prefect" in sys.modules:
        return lambda: None
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        told = listener.fileno(), os.getpid(), settings.cache_folder
        server = replace(
            prefect_server(settings),
            port=listener.getsockname()[1],
            command=(sys.executable, "-m", "flows.temporary", *map(str, told)),
            environment={"PREFECT_UI_ENABLED": "false", "PREFECT_API_BLOCKS_REGISTER_ON_START": "false"},
        )
        children = [_start(server, listener.fileno())]
    atexit.register(_stop, children)
    os.environ["PREFECT_API_URL"] = f"{server.url}/api"
    return lambda: _wait([server], children)


def running_prefect(settings: Settings) -> str | None:
    """Return the API address of this project's own Prefect server if it is up.

    Another program, or another project's server, may sit on the port: only the process that the state file
    names counts.
    """
    try:
        state = json.loads(_state_file(settings).read_text(encoding="utf-8"))
        ours = psutil.Process(state["pid"]).create_time() == state["started"]
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    address = f"http://{HOST}:{state['port']}/api"
    return address if ours and _answers(f"{address}/health") else None


def serve_ui(settings: Settings) -> None:
    """Run both servers until Ctrl-C or SIGTERM, and stop both then.

    Raises:
        PolyrecError: A port is in use, or a server ended by itself.
    """
    prefect_environment(settings)
    servers = (prefect_server(settings), mlflow_server(settings))
    for server in servers:
        _check_port(server, settings)
    children: list[subprocess.Popen[bytes]] = []
    with raising(KeyboardInterrupt(), (signal.SIGINT, *TERMINATED)):
        try:
            for server in servers:
                children.append(_start(server))  # noqa: PERF401 - each must be known before the next starts
            _write_state(settings, children[0].pid)
            with Console().status("starting the Prefect and MLflow servers"):
                _wait(servers, children)
            for server in servers:
                print(f"{server.name:8}{server.url}", flush=True)
            # Not through rich: interrupted at the wrong moment, it would say this twice.
            print("Ctrl-C stops both", flush=True)
            while True:
                _check_alive(servers, children)
                time.sleep(0.5)
        except KeyboardInterrupt:
            print("stopping", flush=True)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave one behind
            _stop(children)
            _state_file(settings).unlink(missing_ok=True)


def serve_one(settings: Settings, name: str) -> None:
    """Become the Prefect server, the MLflow server or the worker: one line of the Procfile.

    Raises:
        PolyrecError: The port is in use, or no Prefect server came up for the worker.
    """
    prefect_environment(settings)
    if name == "worker":
        _work(settings)
    server = {"prefect": prefect_server, "mlflow": mlflow_server}[name](settings)
    _check_port(server, settings)
    server.folder.mkdir(parents=True, exist_ok=True)
    if name == "prefect":
        _write_state(settings, os.getpid())  # exec keeps the process
    os.chdir(server.folder)
    os.execve(server.command[0], server.command, _environment(server))


def _work(settings: Settings) -> None:
    """Deploy prefect.yaml to the running server, then become its worker."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while (address := os.environ.get("PREFECT_API_URL") or running_prefect(settings)) is None:
        if time.monotonic() > deadline:
            raise PolyrecError("no Prefect server came up for the worker; start one with `polyrec ui`")
        time.sleep(0.5)
    os.environ["PREFECT_API_URL"] = address
    prefect = (sys.executable, "-m", "prefect", "--no-prompt")
    pool = ("work-pool", "create", POOL, "--type", "process", "--overwrite")
    for command in (pool, ("work-pool", "set-concurrency-limit", POOL, "1"), ("deploy", "--all")):
        if subprocess.run([*prefect, *command], cwd=PROJECT).returncode != 0:
            raise PolyrecError(f"`prefect {' '.join(command)}` failed, see above; start the worker again")
    os.chdir(PROJECT)
    os.execv(sys.executable, [*prefect, "worker", "start", "--pool", POOL])


def _state_file(settings: Settings) -> Path:
    return settings.data_folder / "prefect" / "server.json"


def _write_state(settings: Settings, pid: int) -> None:
    """Say which process is this project's Prefect server; its start time guards against a reused pid."""
    state = {"pid": pid, "port": settings.prefect_port, "started": psutil.Process(pid).create_time()}
    file = _state_file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(state), encoding="utf-8")
    partial.replace(file)


def _answers(url: str) -> bool:
    # Straight to this machine, whatever proxy the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as response:
            return response.status == 200
    except (OSError, ValueError):
        return False


def _check_port(server: Server, settings: Settings) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one just closed is free
        try:
            listener.bind((HOST, server.port))
        except OSError:
            own = server.name == "Prefect" and running_prefect(settings) is not None
            holder = "this project's own server" if own else "another program"
            raise PolyrecError(
                f"port {server.port}, which the {server.name} server needs, is in use by {holder}; stop it, "
                f"or set {server.port_key} in polyrec.toml to a free port"
            ) from None


def _environment(server: Server) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    return {**kept, **server.environment}


def _start(server: Server, *descriptors: int) -> subprocess.Popen[bytes]:
    """Start in a process group of its own, so that all its processes can be stopped, when we say so."""
    server.folder.mkdir(parents=True, exist_ok=True)
    with server.log.open("wb") as log:
        return subprocess.Popen(
            server.command,
            cwd=server.folder,
            env=_environment(server),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=descriptors,
        )


def _check_alive(servers: Sequence[Server], children: Sequence[subprocess.Popen[bytes]]) -> None:
    for server, child in zip(servers, children, strict=True):
        if child.poll() is not None:
            raise PolyrecError(
                f"the {server.name} server ended with code {child.returncode}; read {server.log}, then start "
                "it again"
            )


def _wait(servers: Sequence[Server], children: Sequence[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not all(_answers(f"{server.url}{server.health}") for server in servers):
        _check_alive(servers, children)
        if time.monotonic() > deadline:
            logs = " and ".join(str(server.log) for server in servers)
            raise PolyrecError(f"the servers did not answer in {START_TIMEOUT_S:.0f} s; read {logs}")
        time.sleep(0.2)


def _stop(children: Sequence[subprocess.Popen[bytes]]) -> None:
    """End the children's process groups: kindly first, then for sure."""
    for child in children:
        _signal_group(child, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.wait(max(0.0, deadline - time.monotonic()))
        _signal_group(child, signal.SIGKILL)  # its own children too, if any is left
    for child in children:
        child.wait()


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)  # start_new_session made the child the leader of its group


def main(arguments: Sequence[str]) -> int:
    """Run `python -m flows.servers prefect|mlflow|worker`."""
    if len(arguments) == 1 and arguments[0] in PROCESSES:
        try:
            serve_one(load_settings(), arguments[0])
        except PolyrecError as error:
            print(error, file=sys.stderr)
            return 2
        return 0
    print(f"give one of {', '.join(PROCESSES)}, got {' '.join(arguments) or 'nothing'}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
