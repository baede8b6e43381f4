"""How long the main job takes, first and again, and how much memory: `python benchmarks/pipeline.py`.

Runs `polyrec run` from an empty home, in a fresh process each time. Settings come from the environment as
always, so that a small job can be measured: POLYREC_DATA__MAX_ITEMS=40.

- first_run_s, second_run_s: wall clock of the process, with its start and its report; second_run_s is the
  median of all runs after the first.
- peak_rss_mb: the largest sum of the resident memory of the process and those it started, over all runs.
- orchestration_share: the share of the first run that no stage accounts for.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.output import show
from tasks.settings import PROJECT, Settings
from warehouse.snapshot import reading

COMMAND = (sys.executable, "-m", "flows.cli", "run")
LOOK_EVERY_S = 0.2
PACKAGES = ("prefect", "mlflow", "duckdb", "polars", "openvino", "torch")


class RunFailed(RuntimeError):
    """A run that ended with an error; the message holds the end of what it printed."""


@dataclass(frozen=True)
class Run:
    """One run of the job."""

    seconds: float
    peak_rss_mb: float
    stages: dict[str, float]


def measure(command: Sequence[str], environment: Mapping[str, str], log: Path) -> tuple[float, float]:
    """Run a command and return its seconds and the peak memory in MB of it and its children.

    Args:
        command: What to run, in the project's folder.
        environment: All of it.
        log: Takes what the command prints.
    """
    start = time.perf_counter()
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    peak = 0.0
    while True:
        peak = max(peak, _resident_mb(process.pid))
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_EVERY_S)
            break
    seconds = time.perf_counter() - start
    if process.returncode != 0:
        tail = "\n".join(log.read_text(encoding="utf-8").splitlines()[-20:])
        raise RunFailed(f"{' '.join(command)} ended with code {process.returncode}:\n{tail}")
    return seconds, peak


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """What is printed and written: the headline figures, the first run's stages, the machine, every run."""
    first, *later = runs
    return {
        "ratios": {
            "first_run_s": round(first.seconds, 1),
            "second_run_s": round(statistics.median(run.seconds for run in later), 1),
            "peak_rss_mb": round(max(run.peak_rss_mb for run in runs)),
            "orchestration_share": round(1 - sum(first.stages.values()) / first.seconds, 4),
        },
        "stages": first.stages,
        "machine": machine(),
        "runs": [asdict(run) for run in runs],
    }


def machine() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "settings": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith("POLYREC_") and name != "POLYREC_HOME"
        },
    }


def tables(values: Mapping[str, Any]) -> list[Table]:
    """The summary for the terminal."""
    ratios = Table(box=box.SIMPLE_HEAD)
    for name in values["ratios"]:
        ratios.add_column(name, justify="right")
    ratios.add_row(*(f"{value:g}" for value in values["ratios"].values()))
    runs = Table(box=box.SIMPLE_HEAD)
    runs.add_column("seconds")
    for number, _ in enumerate(values["runs"], start=1):
        runs.add_column(f"run {number}", justify="right")
    for stage in values["stages"]:
        runs.add_row(stage, *(f"{run['stages'][stage]:.1f}" for run in values["runs"]))
    between = (run["seconds"] - sum(run["stages"].values()) for run in values["runs"])
    runs.add_row("outside stages", *(f"{seconds:.1f}" for seconds in between))
    return [ratios, runs]


def run_job(home: Path, times: int, console: Console) -> list[Run]:
    """Run the job several times in one home, which is empty before the first."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "MLFLOW_"))}
    environment = {**kept, "POLYREC_HOME": str(home)}
    runs = []
    for number in range(1, times + 1):
        with console.status(f"run {number} of {times}"):
            seconds, peak = measure(COMMAND, environment, home / f"run-{number}.log")
        runs.append(Run(seconds, peak, stage_seconds(home)))
    return runs


def stage_seconds(home: Path) -> dict[str, float]:
    """Stage to the seconds of its last run, as the published snapshot tells."""
    # A copy, since the environment would win over an argument.
    with reading(Settings().model_copy(update={"home": home}).data_folder) as snapshot:
        runs = snapshot.query("last_runs")
    return dict(zip(runs["stage"], runs["seconds"], strict=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the JSON file that was asked for."""
    parser = argparse.ArgumentParser(description="Time of `polyrec run`, first and again, and its memory.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file too")
    parser.add_argument("--home", type=Path, metavar="DIR", help="keep the state here; it must be empty")
    parser.add_argument("--runs", type=int, default=2, help="how many runs in all, 2 or more [default: 2]")
    given = parser.parse_args(arguments)
    if given.runs < 2:
        parser.error(f"--runs must be at least 2, got {given.runs}: the second run is measured too")
    console = Console()
    with tempfile.TemporaryDirectory(prefix="polyrec-") as temporary:
        home = (given.home or Path(temporary)).resolve()
        home.mkdir(parents=True, exist_ok=True)
        if any(home.iterdir()):
            parser.error(
                f"--home {given.home} is not empty; give a new folder: the first run starts from nothing"
            )
        try:
            values = summary(run_job(home, given.runs, console))
        except RunFailed as error:
            print(error, file=sys.stderr)
            return 1
    show(values, tables(values), given.json, console)
    return 0


def _resident_mb(pid: int) -> float:
    """Resident memory of a process and all that it started; 0 when it is gone."""
    total = 0
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.Error):
                total += process.memory_info().rss
    return total / 2**20


def _processor() -> str:
    """The processor's name, as Linux tells it; elsewhere what Python knows."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
