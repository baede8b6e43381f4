"""`polyrec ablate ...`: what a part of the job adds, by leaving it out."""

from typing import Annotated

import typer

from flows.cli.options import Config, Json, load
from flows.cli.printing import print_answer

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
            "--with", metavar="NAME", help="Try this matcher beside those of the settings; repeatable."
        ),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Compare fusion without each matcher in turn, and with others added, out of fold on validation."""
    from flows.cli.tables.variants import variants_table
    from tasks.studies.matcher_trials import ablate_matchers

    print_answer(ablate_matchers(load(config), extra or []), as_json, variants_table)
