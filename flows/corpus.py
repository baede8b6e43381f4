"""Corpus: K recommendation texts for every item."""

from prefect import flow

from flows.common import stage
from tasks.corpus import steps
from tasks.progress import progress


@flow(name="corpus")
def corpus(config: str | None = None) -> None:
    """Write the texts that are missing, shard by shard."""
    with stage(config, "corpus") as run:
        shards = steps.plan(run)
        missing = int(run.counts["wanted"] - run.counts["reused"])
        with progress("writing texts", missing, "texts") as advance:
            for key in shards:
                advance(steps.write_shard(run, key))
        steps.make_live(run)
        steps.measure(run)
        steps.show(run)
