"""How fast tables become core tables: `python benchmarks/ingest.py`.

Makes a log and a catalogue as CSV, with some rows that cannot be used, in a temporary folder. Then, by turns
and each in a fresh process: DuckDB's own read_csv of both files into typed tables of a new database file, and
Polyrec's ingest of both files into a new warehouse, with the split.

- vs_duckdb_read_csv: median seconds of a load (reading, validation, quarantine, core) over those of read_csv.
- with_split_vs_duckdb_read_csv: the same with the split.
- peak_rss_mb: the most memory that an ingest held, the largest of all.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from rich import box
from rich.table import Table as Printed

from benchmarks.output import show
from benchmarks.pipeline import machine
from tasks.settings import PROJECT, Settings
from tasks.settings.data import Data, Interactions, Items

EVENTS, ITEMS = "interactions.csv", "items.csv"
EVENT_TYPES = (
    "{'user_id': 'varchar', 'item_id': 'varchar', 'event': 'varchar', 'value': 'double', 'time': 'timestamp'}"
)
ITEM_TYPES = (
    "{'item_id': 'varchar', 'title': 'varchar', 'description': 'varchar', 'categories': 'varchar', "
    "'price': 'double'}"
)


def make(folder: Path, n_events: int, n_items: int, n_users: int) -> None:
    """Write both files: about one row in 1,000 of each kind of damage, one in 500 said twice."""
    with duckdb.connect() as connection:
        connection.execute(
            f"""copy (
                select 'u' || hash(i) % {n_users} as user_id,
                    'i' || hash(3 * i) % {n_items} + (i % 1000 = 1)::integer * {n_items} as item_id,
                    ['view', 'cart', 'purchase'][(hash(5 * i) % 3 + 1)::bigint] as event,
                    case when i % 1000 = 2 then '3,5' else (hash(7 * i) % 5 + 1)::varchar end as value,
                    case when i % 1000 = 3 then 'yesterday' else strftime(timestamp '2024-01-01'
                        + to_seconds((hash(11 * i) % 50000000)::bigint), '%Y-%m-%d %H:%M:%S') end as time
                from (select range - (range % 500 = 499)::bigint as i from range({n_events})))
                to '{folder / EVENTS}' (header)"""
        )
        connection.execute(
            f"""copy (
                select 'i' || i as item_id,
                    case when i % 1000 = 1 then '' else 'Item number ' || i end as title,
                    'A text of some length about item ' || i || ', which goes on for a while.' as description,
                    'kind ' || i % 7 || '|sort ' || i % 31 as categories, i % 997 / 10 as price
                from range({n_items}) as t(i)) to '{folder / ITEMS}' (header)"""
        )


def read_csv(folder: Path, home: Path) -> dict[str, float]:
    """Seconds of DuckDB's own way: both files into typed tables of a new database file."""
    home.mkdir(parents=True)
    with duckdb.connect(home / "plain.duckdb") as connection:
        start = time.perf_counter()
        for name, types in ((EVENTS, EVENT_TYPES), (ITEMS, ITEM_TYPES)):
            connection.execute(
                f"""create table "{name}" as select * from read_csv('{folder / name}',
                    columns = {types}, header = true, ignore_errors = true)"""
            )
        connection.execute("checkpoint")
        return {"seconds": time.perf_counter() - start}


def ingest(folder: Path, home: Path) -> dict[str, float]:
    """Seconds of loading, and of loading and splitting; rows used, quarantined and merged; memory."""
    from tasks.ingest import steps
    from tasks.run.memory import peak_rss_mb
    from tasks.run.stage import StageRun
    from warehouse.connection import writing

    data = Data(
        source="files",
        items=Items(files=(ITEMS,), description="description", categories="categories"),
        interactions=Interactions(
            files=(EVENTS,),
            time="time",
            value="value",
            event="event",
            event_weights={"view": 1, "cart": 2, "purchase": 5},
        ),
    )
    settings = Settings(home=home, base=folder, data=data)
    start = time.perf_counter()
    with writing(settings.data_folder, "benchmark") as warehouse:
        run = StageRun("ingest", settings, warehouse, None)
        steps.load_core.fn(run)
        loaded = time.perf_counter() - start
        steps.split.fn(run)
        split = time.perf_counter() - start
        totals = warehouse.query("ingest_counts").sum()
    rows = {
        name: float(totals[name][0]) for name in ("rows_in", "used", "quarantined", "merged", "seen_only")
    }
    return {"seconds": loaded, "with_split_seconds": split, "peak_rss_mb": peak_rss_mb(), **rows}


def summary(plain: Sequence[dict[str, float]], ours: Sequence[dict[str, float]]) -> dict[str, Any]:
    """What is printed and written."""
    base = statistics.median(run["seconds"] for run in plain)
    return {
        "ratios": {
            "vs_duckdb_read_csv": round(statistics.median(run["seconds"] for run in ours) / base, 2),
            "with_split_vs_duckdb_read_csv": round(
                statistics.median(run["with_split_seconds"] for run in ours) / base, 2
            ),
            "peak_rss_mb": round(max(run["peak_rss_mb"] for run in ours)),
        },
        "machine": machine(),
        "duckdb_read_csv": list(plain),
        "ingest": list(ours),
    }


def table(values: dict[str, Any]) -> Printed:
    """The table that is printed."""
    printed = Printed("what", "figure", box=box.SIMPLE, title="Ingest against DuckDB's read_csv")
    for name, value in values["ratios"].items():
        printed.add_row(name, f"{value:,}")
    for name in ("rows_in", "used", "quarantined", "merged", "seen_only"):
        printed.add_row(name.replace("_", " "), f"{values['ingest'][0][name]:,.0f}")
    for name in ("duckdb_read_csv", "ingest"):
        printed.add_row(f"{name} seconds", ", ".join(f"{run['seconds']:.1f}" for run in values[name]))
    return printed


def _apart(what: str, folder: Path, home: Path) -> dict[str, float]:
    """Measure in a fresh process; its home is deleted."""
    command = [sys.executable, "-m", "benchmarks.ingest", "--measure", what, str(folder), str(home)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with code {done.returncode}:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and write the figures with --json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--events", type=int, default=10_000_000, help="interactions [default: 10 million]")
    parser.add_argument("--items", type=int, default=200_000, help="items [default: 200,000]")
    parser.add_argument("--users", type=int, default=500_000, help="users [default: 500,000]")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured [default: 3]")
    parser.add_argument("--measure", nargs=3, metavar=("WHAT", "FOLDER", "HOME"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.measure:
        what, folder, home = given.measure
        measured = {"read_csv": read_csv, "ingest": ingest}[what](Path(folder), Path(home))
        print(json.dumps(measured))
        return 0
    if min(given.events, given.items, given.users, given.rounds) < 1:
        parser.error("--events, --items, --users and --rounds must be at least 1")
    plain, ours = [], []
    with tempfile.TemporaryDirectory(prefix="polyrec-") as temporary:
        folder = Path(temporary)
        make(folder, given.events, given.items, given.users)
        for number in range(given.rounds):
            for what, runs in (("read_csv", plain), ("ingest", ours)):
                with tempfile.TemporaryDirectory(prefix="polyrec-", dir=folder) as home:
                    runs.append(_apart(what, folder, Path(home) / f"{what}{number}"))
    values = summary(plain, ours)
    show(values, [table(values)], given.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
