"""Publications for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group

from flows.cli.tables.table import Table, figure, said, text, word


def publications_table(answer: Mapping[str, Any]) -> Group:
    """A row a publication; `*` marks the one that is served."""
    columns = [word("id"), figure("age"), figure("lists"), figure("model"), text("fusion"), word("state")]
    publications = answer["publications"]
    rows = [
        (
            f"{'*' if row['current'] else ' '} {row['publication_id']}",
            age(row["age_hours"]),
            "-" if row["users"] is None else f"{row['users']:,}",
            row["model_version"] or "-",
            f"from {row['origin_id']}" if row["origin_id"] else row["outcome"] or "-",
            row["state"],
        )
        for row in publications
    ]
    served = [number for number, row in enumerate(publications) if row["current"]]
    note = "* is served; `polyrec rollback ID` serves another one whose state is published."
    return Group(Table("Publications", columns, rows, served), said(note, "dim"))


def rolled_back(answer: Mapping[str, Any]) -> Group:
    """What is served again, and for how long."""
    served = f"Served again: the lists of {answer['origin_id']}, as {answer['publication_id']}"
    counts = f"{answer['users']:,} users, {answer['rows']:,} rows"
    return Group(
        said(f"{served}: {counts}; {answer['left_out']:,} rows are left out by today's rules."),
        said(
            "They stay until scores or settings change. To keep their fusion model then, whatever the next "
            'search finds, set promote = "never" in [fusion].'
        ),
    )


def age(hours: float) -> str:
    """Hours in the unit that people would say them in.

    >>> age(0.5), age(30), age(100)
    ('30 min', '30 h', '4 days')
    """
    if hours < 1:
        return f"{hours * 60:z.0f} min"
    return f"{hours:z.0f} h" if hours < 72 else f"{hours / 24:z.0f} days"
