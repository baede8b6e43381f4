"""How long the smallest job takes, first and again, beside its floor: `python benchmarks/waiting.py`.

Three items and three users, drafted by `polyrec init`, with a warm cache: a run before the first round fills
it. Rounds are of fresh processes by turns, so that whatever else the machine does weighs on all alike:

- floor_s: a bare Prefect flow on its own temporary server, a new MLflow database, and the import of torch and
  sentence-transformers. Its Prefect database is there already.
- first_s: `polyrec run` in a new home. second_s: the same again, where nothing is new.

All are medians of the rounds, in seconds. `cpu` holds the processor seconds of the same processes and of all
that they started, `load` how many processes wanted a core before and after.
"""

import argparse
import os
import resource
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.output import show
from benchmarks.pipeline import RunFailed, machine, measure

ITEMS = "item_id,title\na,The Dawn Zephyr\nb,The Echo Glass\nc,The Forest North\n"
INTERACTIONS = (
    "user_id,item_id,timestamp\nx,a,1760000000\nx,b,1760086400\ny,a,1760172800\ny,c,1760259200\n"
    "z,b,1760345600\nz,c,1760432000\n"
)
POLYREC = (sys.executable, "-m", "flows.cli")
FLOOR = """
import sys
from prefect import flow

flow(name="bare")(lambda: None)()

from mlflow.tracking import MlflowClient

MlflowClient(f"sqlite:///{sys.argv[1]}/mlflow.db").search_experiments()

import sentence_transformers
import torch
"""
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "600",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
KINDS = ("floor", "first", "second")

Measured = dict[str, list[tuple[float, float]]]
"""Kind to its wall and processor seconds, round by round."""


class Bench:
    """A folder with the data set, and processes that are measured there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.data.mkdir()
        (self.data / "items.csv").write_text(ITEMS, encoding="utf-8")
        (self.data / "interactions.csv").write_text(INTERACTIONS, encoding="utf-8")
        left_out = ("PREFECT_", "MLFLOW_", "POLYREC_HOME")
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
        self.seconds((*POLYREC, "init", str(self.data)))

    @property
    def config(self) -> Path:
        """What `polyrec init` drafted."""
        return self.data / "polyrec.toml"

    def seconds(self, command: Sequence[str], **more: str) -> tuple[float, float]:
        """Return a command's wall seconds, and the processor seconds of it and all that it started."""
        before = _processor_s()
        seconds, _ = measure(command, {**self.environment, **more}, self.folder / "log")
        return seconds, _processor_s() - before

    def run(self, home: Path) -> tuple[float, float]:
        """Run the job in a home."""
        return self.seconds((*POLYREC, "run", "--config", str(self.config)), POLYREC_HOME=str(home))

    def floor(self, home: Path) -> tuple[float, float]:
        """Do what no run can save, with an MLflow database in a new folder."""
        home.mkdir()
        prefect = {**QUIET, "PREFECT_HOME": str(self.folder / "prefect")}
        return self.seconds((sys.executable, "-c", FLOOR, str(home)), **prefect)

    def round(self, number: int | str) -> dict[str, tuple[float, float]]:
        """Measure each kind once."""
        home, bare = self.folder / f"home-{number}", self.folder / f"bare-{number}"
        values = {"floor": self.floor(bare), "first": self.run(home), "second": self.run(home)}
        shutil.rmtree(home)
        return values


def summary(rounds: Sequence[Mapping[str, tuple[float, float]]], load: Sequence[float]) -> dict[str, Any]:
    """What is printed and written."""
    medians = {
        kind: [round(statistics.median(one[kind][which] for one in rounds), 1) for which in (0, 1)]
        for kind in KINDS
    }
    wall = {kind: medians[kind][0] for kind in KINDS}
    return {
        **{f"{kind}_s": seconds for kind, seconds in wall.items()},
        **{f"{kind}_above_floor_s": round(wall[kind] - wall["floor"], 1) for kind in KINDS[1:]},
        "cpu": {f"{kind}_s": medians[kind][1] for kind in KINDS},
        "load": [round(one, 1) for one in load],
        "rounds": [{kind: [round(one, 2) for one in of[kind]] for kind in KINDS} for of in rounds],
        "machine": machine(),
    }


def table(values: Mapping[str, Any]) -> Table:
    """The summary for the terminal."""
    shown = Table(box=box.SIMPLE_HEAD)
    shown.add_column("seconds")
    for column in ("median", "above the floor", "processor"):
        shown.add_column(column, justify="right")
    for kind in KINDS:
        above = values.get(f"{kind}_above_floor_s")
        cells = values[f"{kind}_s"], above, values["cpu"][f"{kind}_s"]
        shown.add_row(kind, *("" if cell is None else f"{cell:.1f}" for cell in cells))
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the JSON file that was asked for."""
    parser = argparse.ArgumentParser(description="Time of the smallest `polyrec run`, beside its floor.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file too")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured [default: 3]")
    given = parser.parse_args(arguments)
    if given.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {given.rounds}")
    console = Console()
    with tempfile.TemporaryDirectory(prefix="polyrec-") as temporary:
        try:
            bench = Bench(Path(temporary).resolve())
            load = [os.getloadavg()[0]]
            with console.status("filling the cache"):
                bench.round("before")
            rounds = []
            for number in range(given.rounds):
                with console.status(f"round {number + 1} of {given.rounds}"):
                    rounds.append(bench.round(number))
            load.append(os.getloadavg()[0])
        except RunFailed as error:
            print(error, file=sys.stderr)
            return 1
    values = summary(rounds, load)
    show(values, [table(values)], given.json, console)
    return 0


def _processor_s() -> float:
    """Processor seconds of all processes that have ended, which this one started or they did."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
