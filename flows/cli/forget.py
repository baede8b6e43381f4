"""`polyrec forget`: removes a person."""

from dataclasses import asdict
from typing import Annotated

import typer

from flows.cli.options import Config, load
from flows.cli.printing import print_answer, say


def forget(
    user: Annotated[str, typer.Argument(help="A user id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; needs --yes.")] = False,
    config: Config = None,
) -> None:
    """Remove a person from every table, vector, list and snapshot, and leave them out from now on."""
    from flows.cli.tables.forget import forgotten
    from tasks.matching.saved import forget_users
    from tasks.run import forgetting

    settings = load(config)
    if as_json and not yes:
        raise typer.BadParameter("nobody can be asked while JSON is printed; add --yes", param_hint="--json")
    if not yes:
        found = forgetting.rows_to_forget(settings, user)
        rows = ", ".join(f"{table}: {count}" for table, count in found.items())
        say(
            f"User {user} has rows in {rows}."
            if found
            else f"User {user} was forgotten before; what is left of that is done again."
        )
        typer.confirm("Remove this person for good?", abort=True)
    print_answer(asdict(forgetting.forget(settings, user, forget_users)), as_json, forgotten)
