"""How many first tables `polyrec init` understands: `python benchmarks/first_table.py [--json FILE]`.

Small files in the published forms of public data sets (first_table_sets.py) are drafted without an answer.
Each draft is held against what the publishers say the columns mean.

- drafted: a TOML file that loads, with a catalogue and a log.
- right_first_time: every role of the truth has its column in the draft.
- silent_losses: columns and files that no line of a draft names.
"""

import argparse
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table as Printed

from benchmarks.first_table_sets import SETS, Made, Truth
from benchmarks.output import show
from tasks.ingest.draft import draft
from tasks.ingest.drafting.tables import look_at
from tasks.settings import load_settings
from warehouse.errors import PolyrecError


def judge(name: str, folder: Path) -> dict[str, Any]:
    """Draft one set without an answer; what is wrong with the draft."""
    folder.mkdir()
    truth = SETS[name](folder, Made(name))
    found: dict[str, Any] = {"set": name, "drafted": False, "wrong": [], "lost": [], "asked": []}
    try:
        made = draft(folder, {})
        file = folder / "polyrec.toml"
        file.write_text(made.text, encoding="utf-8")
        data = load_settings(file).data
    except PolyrecError as error:
        return found | {"error": str(error), "wrong": sorted(truth)}
    found["drafted"] = data.items.given and data.interactions.given
    found["wrong"] = wrong_roles(tomllib.loads(made.text).get("data", {}), truth)
    found["lost"] = lost(made.text + "\n".join(made.unused), folder)
    found["asked"] = [question.sentence() for question in made.questions]
    return found


def wrong_roles(data: dict[str, Any], truth: Truth) -> list[str]:
    """Roles whose column is not the one that it should be."""
    wrong = []
    for role, right in truth.items():
        section, _, key = role.partition(".")
        written = data.get(section, {}).get(key)
        if written not in (right if isinstance(right, tuple) else (right,)):
            wrong.append(f"{role}: {written}, not {right}")
    return wrong


def lost(text: str, folder: Path) -> list[str]:
    """Columns and files that the draft does not name."""
    silent = []
    for path in sorted(folder.iterdir()):
        if path.name == "polyrec.toml":
            continue
        if path.name not in text:
            silent.append(path.name)
        for table in look_at(folder, [path]).tables:
            silent += [f"{path.name}: {column}" for column in table.rows.columns if column not in text]
    return silent


def figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The counts over all sets, and the sets."""
    return {
        "sets": len(rows),
        "drafted": sum(row["drafted"] for row in rows),
        "right_first_time": sum(row["drafted"] and not row["wrong"] for row in rows),
        "silent_losses": sum(len(row["lost"]) for row in rows),
        "of_sets": list(rows),
    }


def table(rows: Sequence[dict[str, Any]]) -> Printed:
    """One row a set."""
    printed = Printed("set", "drafted", "wrong", "lost", "asked", box=box.SIMPLE_HEAD)
    for row in rows:
        words = (", ".join(row[name]) for name in ("wrong", "lost", "asked"))
        printed.add_row(row["set"], "yes" if row["drafted"] else "no", *words)
    return printed


def main(arguments: Sequence[str] | None = None) -> int:
    """Draft all sets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows = [judge(name, Path(folder) / f"set{at}") for at, name in enumerate(SETS)]
    values = figures(rows)
    counts = Printed("sets", "drafted", "right first time", "silent losses", box=box.SIMPLE_HEAD)
    counts.add_row(*(str(values[name]) for name in ("sets", "drafted", "right_first_time", "silent_losses")))
    show(values, (table(rows), counts), options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
