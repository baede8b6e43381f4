"""What was published, as `polyrec publications` and the report tell it, and whether it is too old."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.fusion.publishing import ROLLED_BACK
from warehouse.sql import Reader


@dataclass(frozen=True)
class Freshness:
    """Of the lists that are served."""

    publication_id: str
    age_hours: float
    """Since they were made, or since a run last found that there is nothing newer to make them from."""
    alert: str | None
    """What is wrong and what to do, in one line; None when nothing is."""


def freshness(reader: Reader, max_age_hours: float, now: datetime) -> Freshness | None:
    """How fresh the lists are at a time with its zone; None when nothing is published.

    Lists older than `max_age_hours` raise an alert; none do when it is 0.
    """
    rows = reader.query("freshness")
    if rows.is_empty():
        return None
    row = rows.row(0, named=True)
    since: datetime = row["confirmed_at"] or row["made_at"]
    age = (now - since).total_seconds() / 3600
    alert = None
    if 0 < max_age_hours < age:
        what = (
            f"they were brought back from {row['origin_id']}: let `polyrec run` make new ones"
            if row["origin_id"]
            else "no run has renewed them or found them up to date since: "
            "look for failed runs in `polyrec ui`, or start one with `polyrec run`"
        )
        alert = (
            f"the published lists are {age:.0f} hours old, more than the {max_age_hours:g} of "
            f"max_list_age_hours in [fusion]; {what}"
        )
    return Freshness(row["publication_id"], age, alert)


def listed(reader: Reader, max_age_hours: float, now: datetime) -> dict[str, Any]:
    """All publications that are remembered, the newest first, and whether the served lists are too old."""
    served = freshness(reader, max_age_hours, now)
    kept = ("publication_id", "current", "created_at", "made_at")
    more = ("users", "fusion_id", "model_version", "flow_run_id", "lists_hash", "state")
    return {
        "alert": served.alert if served else None,
        "age_hours": round(served.age_hours, 2) if served else None,
        "publications": [
            {
                **{name: row[name] for name in kept},
                "age_hours": round((now - row["made_at"]).total_seconds() / 3600, 2),
                **{name: row[name] for name in more},
                "outcome": ROLLED_BACK if row["origin_id"] else row["outcome"],
                "origin_id": row["origin_id"],
                "reason": None if row["origin_id"] else row["reason"],
            }
            for row in reader.query("publications").iter_rows(named=True)
        ],
    }
