"""`polyrec publications` and `polyrec rollback`: what was published, and back to it."""

from typing import Annotated

import typer

from flows.cli.options import Config, Json, load
from flows.cli.printing import print_answer, warn


def publications(
    check: Annotated[
        bool, typer.Option("--check", help="End with code 1 when the lists that are served are too old.")
    ] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show what was published, the newest first: whose model, how many lists, and which are served.

    Lists that no run has renewed or found up to date for so long as
    `max_list_age_hours` of the section `fusion` raise an alert: a line on
    stderr, the key `alert` in JSON.
    """
    from datetime import UTC, datetime

    from flows.cli.tables.publications import publications_table
    from tasks.fusion.publications import listed
    from warehouse.snapshot import reading

    settings = load(config)
    with reading(settings.data_folder) as snapshot:
        answer = listed(snapshot, settings.fusion.max_list_age_hours, datetime.now(UTC))
    print_answer(answer, as_json, publications_table)
    warn(answer["alert"])
    if check and answer["alert"]:
        raise typer.Exit(1)


def rollback(
    publication: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="One of `polyrec publications`; when none is given, the one before that which is served.",
        ),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Serve the lists of an older publication again, without what today's hard rules forbid.

    They become a new publication. They stay until scores or settings change;
    the next search's champion is their fusion model.
    """
    from flows.cli.tables.publications import rolled_back
    from flows.rollback import roll_back

    answer = roll_back(load(config), publication)
    print_answer(answer, as_json, rolled_back)
