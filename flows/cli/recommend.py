"""`polyrec recommend` and `polyrec export`: a list, and all published ones."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import Config, Json, load
from flows.cli.printing import alert_of, print_answer, show, warn


def recommend(
    user: Annotated[str | None, typer.Argument(help="A user id; or say what is known of a visitor.")] = None,
    query: Annotated[str | None, typer.Option("--query", help="What a visitor asks for.")] = None,
    history: Annotated[
        list[str] | None,
        typer.Option(
            "--history",
            help="Ids of what a visitor chose, the latest last: 50,181. Given more than once, each is one "
            "id, which may then hold a comma.",
        ),
    ] = None,
    profile: Annotated[str | None, typer.Option("--profile", help="A text about a visitor.")] = None,
    k: Annotated[int, typer.Option("--k", help="How many items.")] = 10,
    diversity: Annotated[
        str | None,
        typer.Option(
            "--diversity",
            metavar="DIAL",
            help="0 to 1, or `diverse`: the diverse list that is published beside; the published order when "
            "not given.",
        ),
    ] = None,
    reranker: Annotated[
        str | None,
        typer.Option("--reranker", help="mmr, dpp or calibrated; the published one when not given."),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show a user's list, or a visitor's, the reasons, and the latest history beside it.

    A visitor is anybody whom the last run did not know: --query, --history and
    --profile say what is known of them, alone or together. Nothing is trained
    and nothing is kept.
    """
    from flows.cli.tables.recommend import list_table
    from serving.lists import dial_of
    from serving.lists import recommend as read_list
    from warehouse.errors import PolyrecError
    from warehouse.snapshot import reading

    settings, dial = load(config), dial_of(diversity)
    if (user is None) == (query is None and not history and profile is None):
        raise PolyrecError("give either a user id, or --query, --history or --profile of a visitor")
    with reading(settings.data_folder) as snapshot:
        if user is not None:
            answer = read_list(snapshot, user, k, dial, reranker=reranker)
        else:
            from serving.visitors import Visitor, Visitors, item_ids

            visitor = Visitor(item_ids(history or ()), query, profile)
            answer = Visitors.load(snapshot, settings).recommend(visitor, k, dial, reranker)
        alert = alert_of(snapshot, settings)
    print_answer({**answer, "alert": alert}, as_json, list_table)
    warn(alert)


def export(
    file: Annotated[Path, typer.Argument(help="Where to: a name that ends in .parquet or .csv.")],
    diverse: Annotated[
        bool, typer.Option("--diverse", help="The diverse lists that are published beside.")
    ] = False,
    config: Config = None,
) -> None:
    """Write the published lists to a file."""
    from warehouse.columns import DIVERSE_LISTS, LISTS
    from warehouse.export import export_lists

    rows = export_lists(load(config).data_folder, file, DIVERSE_LISTS if diverse else LISTS)
    show(f"{rows:,} rows written to {file}")
