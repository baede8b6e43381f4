"""How fast texts are written, beside other engines: `python benchmarks/generation.py`.

All engines get the same prompts about MovieLens films, in the same batches, and end a text at the same
marks; each gives the log-probability of what it writes. By turns and each in a fresh process, after a first
try that is not counted: ours (openvino, the default, and transformers), transformers as its documentation
says, in bfloat16 and in float32, and llama.cpp, which needs `make peers-llama` and writes one text after the
other, as llama-cpp-python does. Then each engine scores the plain texts of the same items, after the prompt
without the opening, 16 at once.

- vs_transformers, vs_llama_cpp: the default engine's tokens per second over those of plain transformers in
  bfloat16 and of llama.cpp; the median over the rounds. A processor without bfloat16 is slow at it, hence
  also vs_transformers_float32.
- tokens_per_second, log_prob_tokens_per_second: of the default engine, written and scored; medians.
- changed_item_s: seconds of the corpus stage when one item of the catalogue has changed and all is loaded:
  planning, writing, checking, storing and measuring; median.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.output import show
from benchmarks.pipeline import machine
from tasks.corpus.fallback import fallback_text
from tasks.corpus.prompts import prompts_for, sampling_of, text_seed
from tasks.corpus.safety.prompt_injection import as_data
from tasks.corpus.writing import SCORED_AT_ONCE
from tasks.ingest.loading import load
from tasks.ingest.sources import stage_tables
from tasks.items.item import items_by_id
from tasks.models import smollm2
from tasks.models.engine import END
from tasks.settings import PROJECT, Settings
from warehouse.connection import writing
from warehouse.errors import PolyrecError
from warehouse.staging import clear

PEERS = PROJECT / ".venv-peers" / "bin" / "python"
NAMES = {
    "openvino": "openvino (ours, default)",
    "transformers": "transformers (ours)",
    "plain_bfloat16": "plain transformers, bfloat16",
    "plain_float32": "plain transformers, float32",
    "llama_cpp": "llama.cpp",
}
CHANGES = 5
Measured = Mapping[str, Sequence[Mapping[str, Any]]]
"""Engine to its figures, one a round."""


def has_llama_cpp() -> bool:
    """Whether the environment of peers is there with llama-cpp-python in it."""
    return PEERS.exists() and any(PEERS.parent.parent.glob("lib/python*/site-packages/llama_cpp"))


def fill(settings: Settings) -> pl.DataFrame:
    """Load the whole catalogue into a new warehouse; returns the rows of items_to_recommend.sql."""
    with writing(settings.data_folder, "benchmark") as warehouse:
        try:
            load(warehouse, settings, *stage_tables(warehouse, settings))
        finally:
            clear(warehouse)
        return warehouse.query("items_to_recommend")


def work_of(items: pl.DataFrame, n_items: int, settings: Settings) -> dict[str, Any]:
    """Prompts, seeds, plain texts and batches for some items, drawn by the seed.

    Batches are as the corpus stage makes them: of like length, `batch_items` items each.
    """
    corpus, seed = settings.corpus, settings.seed
    about = items_by_id(items)
    drawn = random.Random(seed).sample(sorted(about), n_items)
    drawn.sort(key=lambda item_id: (len("".join(prompts_for(corpus, as_data(about[item_id]))[0])), item_id))
    prompts, seeds, plain = [], [], []
    for item_id in drawn:
        item = as_data(about[item_id])
        prompts += prompts_for(corpus, item)
        for slot, angle in enumerate(corpus.angles):
            seeds.append(text_seed(seed, item_id, slot, 0))
            plain.append(fallback_text(item, corpus.noun, angle.name))
    size = corpus.batch_items * len(corpus.angles)
    return {
        "prompts": prompts,
        "seeds": seeds,
        "plain": plain,
        "batches": [list(range(at, min(at + size, len(prompts)))) for at in range(0, len(prompts), size)],
        "sampling": vars(sampling_of(corpus)),
        "end": END.pattern,
        "gguf": str(smollm2.gguf_file()),
        "models": str(settings.data_folder / "models"),
    }


def measure_engine(name: str, work: Path, answer: Path) -> dict[str, Any]:
    """Measure an engine in a fresh process: llama.cpp in the environment of peers."""
    if name == "llama_cpp":
        _run([str(PEERS), str(PROJECT / "benchmarks" / "generation_llama_cpp.py"), str(work), str(answer)])
    else:
        _run([sys.executable, "-m", "benchmarks.generation", "--measure", name, str(work), str(answer)])
    return json.loads(answer.read_text(encoding="utf-8"))


def summary(engines: Measured, changed: Mapping[str, Any]) -> dict[str, Any]:
    """What is printed and written."""
    rates = {name: [run["tokens"] / run["seconds"] for run in runs] for name, runs in engines.items()}
    scored = [run["score_tokens"] / run["score_seconds"] for run in engines["openvino"]]

    def times(peer: str) -> float:
        pairs = zip(rates["openvino"], rates[peer], strict=True)
        return round(statistics.median(ours / theirs for ours, theirs in pairs), 2)

    return {
        "ratios": {
            "vs_transformers": times("plain_bfloat16"),
            "vs_transformers_float32": times("plain_float32"),
            "vs_llama_cpp": times("llama_cpp"),
            "tokens_per_second": round(statistics.median(rates["openvino"]), 1),
            "log_prob_tokens_per_second": round(statistics.median(scored), 1),
            "changed_item_s": round(statistics.median(changed["seconds"]), 2),
        },
        "machine": machine(),
        "engines": {name: list(runs) for name, runs in engines.items()},
        "changed_item": dict(changed),
    }


def tables(values: Mapping[str, Any]) -> list[Table]:
    """The summary for the terminal."""
    ratios = Table("ratio", box=box.SIMPLE_HEAD)
    ratios.add_column("value", justify="right")
    for name, value in values["ratios"].items():
        ratios.add_row(name, f"{value:g}")
    engines = Table("engine", box=box.SIMPLE_HEAD)
    for name in (
        "tokens/s",
        "in the rounds",
        "texts/s",
        "nats/token",
        "scored tokens/s",
        "nats/token scored",
    ):
        engines.add_column(name, justify="right")
    for name, runs in values["engines"].items():
        rates = [run["tokens"] / run["seconds"] for run in runs]
        engines.add_row(
            NAMES[name],
            f"{statistics.median(rates):.1f}",
            ", ".join(f"{rate:.0f}" for rate in rates),
            f"{statistics.median(len(run['texts']) / run['seconds'] for run in runs):.2f}",
            f"{runs[0]['log_prob'] / runs[0]['tokens']:.3f}",
            f"{statistics.median(run['score_tokens'] / run['score_seconds'] for run in runs):.1f}",
            f"{runs[0]['score_log_prob'] / runs[0]['score_tokens']:.3f}",
        )
    changed = values["changed_item"]
    one = Table("one changed item", "seconds", box=box.SIMPLE_HEAD)
    one.add_row(f"each, of {changed['items']:,}", ", ".join(f"{s:.2f}" for s in changed["seconds"]))
    one.add_row("the first, with loading", f"{changed['start_up_seconds']:.1f}")
    return [ratios, engines, one]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print tables, and write the figures with --json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--items", type=int, default=40, help="films, three texts each [default: 40]")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured [default: 3]")
    parser.add_argument(
        "--models", type=Path, metavar="FOLDER", help="keep the converted model there [default: made anew]"
    )
    parser.add_argument("--measure", nargs=3, metavar=("WHAT", "FROM", "TO"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.measure:
        what, source, target = given.measure
        Path(target).write_text(json.dumps(_measure(what, Path(source))), encoding="utf-8")
        return 0
    if min(given.items, given.rounds) < 1:
        parser.error("--items and --rounds must be at least 1")
    if not has_llama_cpp():
        parser.error(
            f"llama.cpp is measured in an environment of its own, {PEERS.parent.parent.name}, which is not "
            "there; make it (it is compiled, which takes minutes): make peers-llama"
        )
    console = Console()
    with tempfile.TemporaryDirectory(prefix="polyrec-") as temporary:
        try:
            values = _measure_all(Path(temporary), given.items, given.rounds, given.models, console)
        except PolyrecError as error:
            print(error, file=sys.stderr)
            return 1
    show(values, tables(values), given.json, console)
    return 0


def _measure_all(
    home: Path, n_items: int, rounds: int, models: Path | None, console: Console
) -> dict[str, Any]:
    settings = Settings(home=home)
    if models:
        settings.data_folder.mkdir(parents=True)
        models.mkdir(parents=True, exist_ok=True)
        (settings.data_folder / "models").symlink_to(models.resolve())
    items = fill(settings)
    if n_items > items.height:
        raise PolyrecError(f"--items must be at most {items.height}, the films there are, got {n_items}")
    work, answer = home / "work.json", home / "answer.json"
    work.write_text(json.dumps(work_of(items, n_items, settings)), encoding="utf-8")
    engines: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for number in range(1, rounds + 1):
        for name, runs in engines.items():
            with console.status(f"round {number} of {rounds}: {NAMES[name]}"):
                runs.append(measure_engine(name, work, answer))
    with console.status("one changed item"):
        _run(
            [
                sys.executable,
                "-m",
                "benchmarks.generation",
                "--measure",
                "changed_item",
                str(home),
                str(answer),
            ]
        )
    return summary(engines, json.loads(answer.read_text(encoding="utf-8")))


def _measure(what: str, source: Path) -> dict[str, Any]:
    """Measure in this process, which is there for it alone."""
    if what == "changed_item":
        from benchmarks.generation_changed_item import measure as measure_changes

        return measure_changes(source, CHANGES)
    from benchmarks.generation_engines import measure

    return measure(what, json.loads(source.read_text(encoding="utf-8")), SCORED_AT_ONCE)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise PolyrecError(f"{' '.join(command)} ended with code {done.returncode}:\n{tail}")


if __name__ == "__main__":
    sys.exit(main())
