"""What was published, as `polyrec publications` and the report tell it."""

from datetime import datetime
from typing import Any

from tasks.fusion.freshness import freshness, is_from_before
from tasks.fusion.publishing import ROLLED_BACK
from warehouse.errors import PolyrecError
from warehouse.sql import Reader


def listed(reader: Reader, max_age_hours: float, now: datetime) -> dict[str, Any]:
    """All publications that are remembered, the newest first, and whether the served lists are too old.

    Args:
        reader: of what is published.
        max_age_hours: older lists raise an alert; none do when 0.
        now: the time, with its zone.

    Raises:
        PolyrecError: the snapshot was written by an older version.
    """
    if is_from_before(reader):
        raise PolyrecError(
            "these lists were published by an older version, which kept no account of publications; "
            "run `polyrec run` once"
        )
    served = freshness(reader, max_age_hours, now)
    return {
        "alert": served.alert if served else None,
        "age_hours": round(served.age_hours, 2) if served else None,
        "publications": [
            {
                "publication_id": row["publication_id"],
                "current": row["current"],
                "created_at": row["created_at"],
                "made_at": row["made_at"],
                "age_hours": round((now - row["made_at"]).total_seconds() / 3600, 2),
                "users": row["users"],
                "fusion_id": row["fusion_id"],
                "model_version": row["model_version"],
                "lists_hash": row["lists_hash"],
                "state": row["state"],
                "outcome": ROLLED_BACK if row["origin_id"] else row["outcome"],
                "origin_id": row["origin_id"],
                "reason": None if row["origin_id"] else row["reason"],
            }
            for row in reader.query("publications").iter_rows(named=True)
        ],
    }
