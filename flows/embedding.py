"""Embedding: vectors of texts, items and users."""

from prefect import flow

from flows.common import run_name, stage
from tasks.embedding import steps
from warehouse.columns import FITS


@flow(name="embedding", flow_run_name=run_name)
def embedding(config: str | None = None) -> None:
    """Encode what has no vector yet; cluster every user's history into interests, per fit."""
    with stage(config, "embedding") as run:
        steps.encode(run)
        steps.spread(run)
        for fit in FITS:
            steps.interests(run, fit)
        steps.show(run)
