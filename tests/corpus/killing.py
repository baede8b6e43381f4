"""The corpus stage in processes that are killed: `python -m tests.corpus.killing`, see tests/killing.py."""

import io
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.corpus import steps
from tasks.corpus.acceptance import Rules, rules_hash
from tasks.items.item import Item
from tasks.models.engine import Engine, Generation, Prompt, Sampling
from tasks.run.stage import stage_run
from tasks.settings import Settings
from tasks.settings.corpus import Corpus, Rewrite
from tests.corpus.scripted import words_as_vector
from tests.killing import Match, Request, Steps, always, arm, die, named, serve
from warehouse.connection import Warehouse, writing

JOURNAL = "generated.jsonl"
WORDS = ("quiet", "funny", "dark", "tender", "brave", "strange", "warm", "sharp", "gentle", "wild", "bitter")
HALF = "half of the draft"


def _in_spool(suffix: str) -> Match:
    return lambda arguments: arguments[0].parent.name == "spool" and arguments[0].suffix == suffix


@dataclass(frozen=True)
class CorpusRequest(Request):
    """One run of the stage; it may also be killed at HALF."""

    second_pass: bool = False
    """Whether texts are written again, too."""


class Dictated(Engine):
    """Writes what the seed says, and notes every seed in a file that outlives a kill.

    Every seventh text is cut, so that some are tried again and some are replaced by plain ones; one in
    eleven breaks the rule of `toy_rules`.
    """

    name = "dictated"

    def __init__(self, journal: Path, pause_s: float) -> None:
        self.journal, self.pause_s = journal, pause_s

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int]
    ) -> list[Generation]:
        time.sleep(self.pause_s)
        with self.journal.open("a") as file:
            file.writelines(f"{json.dumps([os.getpid(), seed])}\n" for seed in seeds)
        return [self._text(prompt, seed) for prompt, seed in zip(prompts, seeds, strict=True)]

    def _text(self, prompt: Prompt, seed: int) -> Generation:
        numbers = np.random.default_rng(seed)
        words = " ".join(numbers.permutation(WORDS)[:7])
        whole = bool(numbers.integers(7))
        return Generation(
            f"{prompt[-1]} {words}{'.' if whole else ''}", 7, -float(numbers.exponential(20)), whole
        )

    def log_prob(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> NDArray[np.float64]:
        return np.array([-len("".join(prompt)) / 7 for prompt in prompts])

    def prompt_length(self, prompt: Prompt) -> int:
        return len("".join(prompt))


# What is done on the way to live texts. A kill before a step and one after it leave different things behind.
# DuckDB's own commit lies between "manifest, after" and "removal of the shard, before".
STEPS: Steps = {
    "generation": (Dictated, "generate", always),
    "draft": (pl.DataFrame, "write_parquet", always),
    "rename": (Path, "replace", _in_spool(".tmp")),
    "texts": (Warehouse, "upsert", named("features.texts")),
    "manifest": (Warehouse, "execute", named("record_shard")),
    "removal of the shard": (Path, "unlink", _in_spool(".parquet")),
    "removal of a draft": (Path, "unlink", _in_spool(".tmp")),
    "removal of old live texts": (Warehouse, "delete", named("features.live_texts")),
    "live texts": (Warehouse, "replace", named("features.live_texts")),
    "rewrites": (Warehouse, "replace", named("features.rewrites")),
    "text quality": (Warehouse, "upsert", named("features.text_quality")),
    "run": (Warehouse, "execute", named("record_run")),
    "closing": (Warehouse, "close", always),
}


def toy_rules(corpus: Corpus, blocked: set[str]) -> Rules:
    """Texts whose first word after the opening is "bitter" are unsafe."""

    def check(texts: Sequence[str], _: Sequence[Item]) -> list[str | None]:
        return ["toy: bitter" if text.split()[-7:][0] == "bitter" else None for text in texts]

    return Rules(check, rules_hash(corpus.quality, "toy"), blocked)


class WordEncoder:
    """Stands for the one of sentences, without its threads."""

    encode = staticmethod(words_as_vector)


def settings_of(home: Path, shard_items: int, second_pass: bool = False) -> Settings:
    corpus = Corpus(shard_items=shard_items, batch_items=2, rewrite=Rewrite(enabled=second_pass))
    return Settings(home=home, corpus=corpus, seed=5)


def fill(home: Path, n_items: int) -> None:
    """A home with items and nothing else."""
    ids = [f"{number:03d}" for number in range(n_items)]
    items = pl.DataFrame(
        {
            "item_id": ids,
            "title": [f"film {item_id}" for item_id in ids],
            "year": [1950 + int(item_id) for item_id in ids],
            "categories": [["Drama", "War"][: int(item_id) % 3] for item_id in ids],
            "content_hash": ids,
        },
        schema_overrides={"categories": pl.List(pl.String), "year": pl.Int32},
    )
    with stage_run(settings_of(home, 1), "ingest") as run:
        run.warehouse.append("core.items", items)


def corpus_stage(settings: Settings) -> None:
    """What flows/corpus.py does, but for what it shows."""
    with stage_run(settings, "corpus") as run:
        wanted, shards = steps.plan.fn(run)
        for key, part in shards.items():
            steps.write_shard.fn(run, key, part)
        if settings.corpus.rewrite.enabled and (shards := steps.plan_rewriting.fn(run, wanted)):
            similarity = steps.item_similarity.fn(run)
            for key, part in shards.items():
                steps.rewrite_shard.fn(run, key, part, similarity)
        steps.make_live.fn(run, wanted)
        steps.compute_metrics.fn(run)


def arm_half() -> None:
    """Make this process kill itself when half of a draft is written."""

    def half(frame: pl.DataFrame, file: io.BufferedWriter, **options: Any) -> None:
        whole = io.BytesIO()
        write(frame, whole, **options)
        file.write(whole.getvalue()[: len(whole.getvalue()) // 2])
        file.flush()
        die()

    write = pl.DataFrame.write_parquet
    pl.DataFrame.write_parquet = half  # type: ignore[method-assign, assignment]


def run(request: CorpusRequest, shard_items: int, pause_s: float) -> None:
    """One run of the stage in this process."""
    home = Path(request.home)
    engine = Dictated(home / JOURNAL, pause_s)
    steps.load_engine = lambda *_: engine
    steps.load_rules = lambda corpus, _folder, blocked=(): toy_rules(corpus, set(blocked))
    steps.load_encoder = WordEncoder
    if request.kill_at == HALF:
        arm_half()
    elif request.kill_at:
        arm(STEPS, request.kill_at, request.passing)
    corpus_stage(settings_of(home, shard_items, request.second_pass))


def generated(home: Path) -> Mapping[int, list[int]]:
    """Process to the seeds of what it generated, in order."""
    found: dict[int, list[int]] = {}
    for line in (home / JOURNAL).read_text().splitlines():
        pid, seed = json.loads(line)
        found.setdefault(pid, []).append(seed)
    return found


def tables(home: Path, shard_items: int) -> dict[str, pl.DataFrame]:
    """All that the stage leaves, but for times."""
    with writing(settings_of(home, shard_items).data_folder, "a test") as warehouse:
        queries = ("live_texts", "text_quality", "known_texts", "rewrites")
        return {
            **{name: warehouse.query(name) for name in queries},
            "shards": warehouse.query("done_shards", stage="corpus", fit=""),
            "rewritten shards": warehouse.query("done_shards", stage="rewriting", fit=""),
        }


def main() -> None:
    """Serve runs of the stage."""
    shard_items, pause_s = int(sys.argv[1]), float(sys.argv[2])
    serve(lambda request: run(request, shard_items, pause_s), CorpusRequest)


if __name__ == "__main__":
    main()
