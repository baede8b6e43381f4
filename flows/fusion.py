"""Fusion: weights searched on validation, lists published."""

from prefect import flow

from flows.common import stage
from tasks.fusion import steps


@flow(name="fusion")
def fusion(config: str | None = None) -> None:
    """Search the weights and publish lists; nothing when scores and settings are those of the last time."""
    with stage(config, "fusion") as run:
        steps.reconcile(run)
        if steps.is_new(run):
            fusion_id = steps.known_model(run)
            if fusion_id is None:
                fusion_id = steps.search(run)
                steps.lists_for_test(run, fusion_id)
            steps.publish(run, fusion_id)
