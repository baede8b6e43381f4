"""What was removed of a person, for the terminal."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
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
        *(f"  {where}, fitted again by the next run" for where in _by_fit(answer["matchers"])),
        *(f"  what {where} held of users; visitors need none" for where in _by_fit(answer["cleared"])),
        "Left alone: the files that data comes from, and what `polyrec export` wrote.",
    ]
    return Group(*map(said, lines))


def _by_fit(matchers: Iterable[str]) -> Iterator[str]:
    """Matchers as fit/name, a line a fit."""
    for fit, names in groupby(matchers, lambda one: one.partition("/")[0]):
        yield f"matchers/{fit} ({', '.join(name.partition('/')[2] for name in names)})"
