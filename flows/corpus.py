"""Corpus: K recommendation texts for every item."""

import polars as pl
from prefect import flow
from rich.console import Console

from flows.common import run_name, stage
from tasks.corpus import steps
from tasks.models.engines import forget_engines
from tasks.run.progress import progress
from tasks.run.stage import StageRun


@flow(name="corpus", flow_run_name=run_name)
def corpus(config: str | None = None) -> None:
    """Write the texts that are missing, shard by shard."""
    with stage(config, "corpus") as run:
        wanted, shards = steps.plan(run)
        missing = int(run.counts["wanted"] - run.counts["reused"])
        with progress("writing texts", missing, "texts") as advance:
            for key, part in shards.items():
                advance(steps.write_shard(run, key, part))
        if run.settings.corpus.rewrite.enabled:
            _rewrite(run, wanted)
        forget_engines()  # no later stage writes texts
        steps.make_live(run, wanted)
        steps.compute_metrics(run)
        steps.show(run)


def _rewrite(run: StageRun, wanted: pl.DataFrame) -> None:
    """The second pass, as far as its time goes."""
    shards = steps.plan_rewriting(run, wanted)
    if shards:
        similarity = steps.item_similarity(run)
        with progress("rewriting texts", int(run.counts["rewrites_left"]), "texts") as advance:
            for key, part in shards.items():
                advance(steps.rewrite_shard(run, key, part, similarity))
    if left := int(run.counts["rewrites_left"]):
        Console(stderr=True, highlight=False).print(
            steps.left_over(left, run.settings.corpus.rewrite.max_minutes)
        )
