"""Fusion: weights searched on validation, champion and challenger compared, lists published."""

from prefect import flow

from flows.common import run_name, stage
from tasks.fusion import steps


@flow(name="fusion", flow_run_name=run_name)
def fusion(config: str | None = None) -> None:
    """Search the weights and publish lists; nothing when scores and settings are those of the last time.

    Lists are those of the champion, which tonight's search replaces only when it is better; they are
    evaluated on validation and on test before they are published.
    """
    with stage(config, "fusion") as run:
        if steps.is_new(run):
            fusion_id = steps.known_model(run)
            if fusion_id is None:
                fusion_id = steps.choose_champion(run, steps.search(run))
                steps.lists_for_test(run, fusion_id)
            steps.publish(run, fusion_id)
        steps.warn_of_old_lists(run)
