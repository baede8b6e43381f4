"""`polyrec check`: looks at a delivery and loads nothing."""

import json

import typer

from flows.cli.options import Config, Json
from flows.cli.printing import alert_of_published, warn


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
    alert = alert_of_published(config)
    if as_json:
        # Only ASCII: what stands in damaged files goes through any terminal and pipe.
        print(json.dumps({**found.as_json(), "alert": alert}, indent=2))
    else:
        Console().print(check_table(found))
    warn(alert)
    if found.exit_code:
        raise typer.Exit(found.exit_code)
