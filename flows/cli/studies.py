"""What a person asks of a finished warehouse: `polyrec ablate ...`, `polyrec tune`, `polyrec relevance`."""

from typing import Annotated

import typer

from flows.cli.options import Config, Json, load
from flows.cli.printing import print_answer
from flows.cli.run import run_flow

ablate = typer.Typer(
    no_args_is_help=True,
    help="What a part of the job adds: `polyrec ablate texts`, `polyrec ablate matchers`.",
)


@ablate.command("texts")
def texts(
    test: Annotated[
        bool, typer.Option("--test", help="Look at test, too, with weights frozen; the look is recorded.")
    ] = False,
    final: Annotated[bool, typer.Option("--final", hidden=True)] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Compare fusion with 1 to K texts, each angle and each pass, beside controls that need no model."""
    from flows.cli.tables.variants import variants_table
    from tasks.studies.text_trials import ablate_texts
    from warehouse.errors import PolyrecError

    if final:
        raise PolyrecError("--final is --test now: polyrec ablate texts --test")
    print_answer(ablate_texts(load(config), test), as_json, variants_table)


@ablate.command("matchers")
def matchers(
    extra: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="NAME",
            help="Try this matcher beside those of the settings; may be given again.",
        ),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Compare fusion without each matcher in turn, and with others added, out of fold on validation."""
    from flows.cli.tables.variants import variants_table
    from tasks.studies.matcher_trials import ablate_matchers

    print_answer(ablate_matchers(load(config), extra or []), as_json, variants_table)


def tune(
    matchers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MATCHER",
            help="Which ones; when none is given, all of the settings that have something to search.",
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


def relevance(as_json: Json = False, config: Config = None) -> None:
    """Ask a language model about a sample of users, and say what it, its student and a cross-encoder add."""
    from flows.cli.tables.relevance import relevance_table

    print_answer(run_flow("relevance", load(config), config), as_json, relevance_table)
