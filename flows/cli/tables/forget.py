"""What was removed of a person, for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group

from flows.cli.tables.table import said


def forgotten(answer: Mapping[str, Any]) -> Group:
    """A line a place with what is gone from it, and what is left alone."""
    rows = {**answer["tables"], **answer["tracked"]}
    lines = [
        f"User {answer['user_id']} is forgotten. Removed:",
        *(f"  {place}: {count} row{'' if count == 1 else 's'}" for place, count in rows.items()),
        *(f"  snapshots/{name}: the file" for name in answer["snapshots"]),
        *(f"  matchers/{name}: the file, fitted again by the next run" for name in answer["matchers"]),
        *(
            f"  matchers/{name}: what it kept of users; visitors need none of it"
            for name in answer["cleared"]
        ),
        "Left alone: the files that data comes from, and what `polyrec export` wrote.",
    ]
    return Group(*map(said, lines))
