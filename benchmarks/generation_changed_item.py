"""What one changed item costs the corpus stage, as benchmarks/generation.py measures it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.corpus import steps
from tasks.corpus.acceptance import Rules
from tasks.corpus.planning import wanted_texts
from tasks.corpus.safety.check import load_rules
from tasks.corpus.writing import Writer, write_texts
from tasks.items.item import items_by_id
from tasks.models.engine import Engine, Generation, Prompt, Sampling
from tasks.run.stage import StageRun
from tasks.settings import Settings
from warehouse.columns import ITEM
from warehouse.connection import Warehouse, writing

REST = " likes a quiet evening with old friends."


class Canned(Engine):
    """Writes the same good sentence for everything, at once: a catalogue that was written before."""

    name = "canned"

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int]
    ) -> list[Generation]:
        """Return one sentence per prompt."""
        return [Generation(prompt[-1] + REST, 9, -20.0, True) for prompt in prompts]

    def log_prob(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> NDArray[np.float64]:
        """Return the same for all."""
        return np.full(len(prompts), -20.0)

    def prompt_length(self, prompt: Prompt) -> int:
        """Return the number of characters."""
        return len("".join(prompt))


def write_all(run: StageRun) -> None:
    """Give every item texts that stand, none of which a model wrote."""
    corpus, seed = run.settings.corpus, run.settings.seed
    items = run.warehouse.query("items_to_recommend")
    rules = Rules(lambda texts, _: [None] * len(texts), load_rules(corpus, run.settings.models_folder).digest)
    writer = Writer(corpus, Canned(), rules, items_by_id(items), seed)
    texts = write_texts(wanted_texts(items, corpus, seed), writer)
    run.warehouse.upsert("features.texts", texts)


def corpus_stage(warehouse: Warehouse, settings: Settings) -> StageRun:
    """Plan, write, check, commit, make live and measure: all of the stage but what is shown in the UIs."""
    run = StageRun("corpus", settings, warehouse, None)
    wanted, shards = steps.plan.fn(run)
    for key, part in shards.items():
        steps.write_shard.fn(run, key, part)
    steps.make_live.fn(run, wanted)
    steps.compute_metrics.fn(run)
    return run


def measure(home: Path, times: int) -> dict[str, Any]:
    """Seconds of the stage after each of some changes of one title; the first, which loads, is not counted.

    Args:
        home: holds core.items.
        times: how many changes are counted.
    """
    settings = Settings(home=home)
    seconds = []
    with writing(settings.data_folder, "benchmark") as warehouse:
        write_all(StageRun("corpus", settings, warehouse, None))
        corpus_stage(warehouse, settings)
        items = warehouse.query("items").sort(ITEM)
        picked = items.sample(times + 1, seed=settings.seed)
        for row in range(times + 1):
            changed = picked[row].with_columns(title=pl.format("{} Again", "title"))
            warehouse.upsert("core.items", changed)
            start = time.perf_counter()
            run = corpus_stage(warehouse, settings)
            seconds.append(time.perf_counter() - start)
            if run.counts["generated"] != len(settings.corpus.angles):
                raise RuntimeError(
                    f"one changed item made {run.counts['generated']:g} texts, "
                    f"not {len(settings.corpus.angles)}"
                )
    return {"seconds": seconds[1:], "start_up_seconds": seconds[0], "items": items.height}
