"""`polyrec check`: looks at a delivery and loads nothing."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from flows.cli.options import Config, Json, load
from flows.cli.printing import alert_of_published, warn

if TYPE_CHECKING:
    from tasks.ingest.findings import Problem


def check(as_json: Json = False, config: Config = None) -> None:
    """Read what `run` would ingest, load nothing, and say what it holds and what is wrong.

    Ends with code 0 when the data can be used, 1 when it can but not all of
    it, 2 when it cannot.
    """
    from rich.console import Console

    from flows.cli.tables.check import check_table
    from flows.cli.tables.table import said
    from tasks.ingest.checking import check as look

    with Console(stderr=True).status("reading settings") as status:
        found = look(config, lambda line: status.update(said(line)))
        if found.usable:
            status.update("looking at the matchers")
            found = replace(found, problems=[*found.problems, *_of_matchers(config)])
    alert = alert_of_published(config)
    if as_json:
        # Only ASCII: what stands in damaged files goes through any terminal and pipe.
        print(json.dumps({**found.as_json(), "alert": alert}, indent=2))
    else:
        Console().print(check_table(found))
    warn(alert)
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def _of_matchers(config: Config) -> Iterator["Problem"]:
    """Why a run would stop where it matches; the default matchers are not loaded, which takes seconds."""
    from tasks.ingest.findings import Problem
    from tasks.settings.matching import Matching

    settings = load(config).matching
    if settings.external or settings.matchers != Matching().matchers:
        from tasks.matching.unusable import unusable

        if why := unusable(settings):
            yield Problem("settings", why, 1, fatal=True)
