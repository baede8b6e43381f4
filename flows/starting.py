"""What every start does first: what a kill left behind in a publication is put right."""

from contextlib import suppress

from tasks.fusion import publishing
from tasks.settings import Settings
from warehouse.connection import Warehouse, writing
from warehouse.errors import WarehouseBusy
from warehouse.forgetting import exists


def reconcile(warehouse: Warehouse, settings: Settings) -> None:
    """Let readers' snapshot and the alias `champion` follow serving.current; every start does so.

    MLflow is opened only where something is published.
    """

    def registry() -> publishing.Registry:
        from tasks.run.tracking import Tracking

        return Tracking(settings)

    publishing.reconcile(warehouse, registry)


def reconcile_if_free(settings: Settings, purpose: str) -> None:
    """The same for a start that need not wait: whoever holds the warehouse has reconciled."""
    if exists(settings.data_folder):
        with suppress(WarehouseBusy), writing(settings.data_folder, purpose, 0, lambda _: None) as warehouse:
            reconcile(warehouse, settings)
