"""How old the lists are that are served, and whether that is too old."""

from dataclasses import dataclass
from datetime import datetime

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
    """How fresh the lists are; None when nothing is published, or by a version that did not note it.

    Args:
        reader: of what is published.
        max_age_hours: older lists raise an alert; none do when 0.
        now: the time, with its zone.
    """
    if is_from_before(reader):
        return None
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


def is_from_before(reader: Reader) -> bool:
    """Whether a snapshot is from a version that kept no decisions; the next run writes a new one."""
    return reader.query("table_columns", schema="serving", table="decisions").is_empty()
