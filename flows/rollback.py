"""Rolling back: older lists are served again, under today's hard rules."""

from datetime import UTC, datetime
from typing import Any

from flows.starting import reconcile
from tasks.fusion import publishing
from tasks.rules.applying import apply_hard_rules
from tasks.rules.book import check_rules
from tasks.rules.effects import effects_of_rows
from tasks.run.stage import data_fingerprint
from tasks.run.tracking import Tracking
from tasks.settings import Settings
from warehouse.columns import LISTS, USER
from warehouse.connection import writing


def roll_back(settings: Settings, publication_id: str | None) -> dict[str, Any]:
    """Serve older lists again; returns what `polyrec rollback --json` prints.

    Args:
        settings: of the project.
        publication_id: whose lists; those before the ones that are served when None.

    Raises:
        PolyrecError: there is no such publication, or it has no lists that may be shown.
    """
    with writing(settings.data_folder, "polyrec rollback", settings.lock_timeout_s) as warehouse:
        reconcile(warehouse, settings)
        before = publishing.publication_before(warehouse, publication_id)  # before MLflow is opened
        book = check_rules(warehouse, settings)
        publication = publishing.roll_back(
            warehouse,
            Tracking(settings, data=data_fingerprint(warehouse)),
            publication_id,
            lambda rows: apply_hard_rules(rows, book),
            lambda rows, candidates: effects_of_rows(rows, candidates, book),
            datetime.now(UTC),
            settings.retention.publications,
        )
        was, now = (
            warehouse.query("lists_of_publication", lists=LISTS, publication_id=one)
            for one in (before["publication_id"], publication.publication_id)
        )
    return {
        "publication_id": publication.publication_id,
        "origin_id": publication.origin_id,
        "fusion_id": publication.fusion_id,
        "flow_run_id": publication.flow_run_id,
        "lists_hash": publication.lists_hash,
        "users": now[USER].n_unique(),
        "rows": now.height,
        "left_out": was.height - now.height,
    }
