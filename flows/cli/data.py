"""The commands `polyrec data ...`: built-in data sets."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from flows.cli.options import Config, Json, load
from flows.cli.printing import print_answer, print_json, say, show
from flows.cli.tables.table import said

if TYPE_CHECKING:
    from tasks.ingest.sets.catalogue import BuiltIn
    from tasks.ingest.sets.download import Progress as Progressed

data = typer.Typer(no_args_is_help=True, help="Built-in data sets: list them, get one.")


@data.command("list")
def list_sets(as_json: Json = False, config: Config = None) -> None:
    """Show every built-in data set, and whether it is here."""
    from flows.cli.tables.data import sets_table
    from tasks.ingest.sets.get import listing

    settings = load(config)
    print_answer(listing(settings.data.category, settings.data_folder), as_json, sets_table)


@data.command("get")
def get_set(
    name: Annotated[str, typer.Argument(help="One of `polyrec data list`.")],
    category: Annotated[
        str | None, typer.Option("--category", help="Of amazon-reviews-2023; the setting when not given.")
    ] = None,
    accepted: Annotated[
        bool, typer.Option("--accept-licence", "--yes", help="Accept the publisher's terms without a prompt.")
    ] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Fetch a data set from its publisher; a download that broke off is resumed."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from tasks.ingest.sets.get import get

    settings = load(config)
    console = Console(stderr=True)

    def accept(one: "BuiltIn") -> bool:
        console.print(said(f"Terms of {one.name}: {one.licence}"), soft_wrap=True)
        return accepted or (sys.stdin.isatty() and typer.confirm("Accept them?", err=True))

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:

        def bar(file: str) -> "Progressed":
            task = bars.add_task(file, total=None, visible=False)
            return lambda done, total: bars.update(task, completed=done, total=total, visible=True)

        files = get(
            name, category or settings.data.category, settings.data_folder, settings.data.mirror, accept, bar
        )
    if as_json:
        print_json({key: kept.model_dump() for key, kept in files.items()})
        return
    for key, kept in files.items():
        show(f"{key}: {kept.bytes:,} bytes, checked against {kept.checked}")
    if not files:
        say(f"{name} comes with an installed package: nothing to fetch")
