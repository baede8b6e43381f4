"""`polyrec tune`: search the settings of matchers."""

from typing import Annotated

import typer

from flows.cli.options import Config, Json, load
from flows.cli.printing import print_answer


def tune(
    matchers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MATCHER",
            help="Which ones; when none is given, all of [matching] matchers that have settings.",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option("--trials", min=1, help="So many further trials of each; 30 when no end is given."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", min=0, help="Begin no further trial of a matcher after so many minutes."),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Search the settings of matchers on validation and print the best; asked again, it goes on."""
    from flows.cli.tables.tuning import tuning_table
    from tasks.studies.tuning import tune as search

    answer = search(load(config), matchers or (), trials, minutes)
    print_answer(answer, as_json, tuning_table)
