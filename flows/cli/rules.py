"""The commands `polyrec rules ...`: what published lists must not hold, and what is moved in them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import Config, Json, load
from flows.cli.printing import print_answer
from flows.cli.tables.table import said

if TYPE_CHECKING:
    from tasks.settings import Settings
    from warehouse.connection import Warehouse

AGAIN = "published lists follow with `polyrec run --stage fusion`, visitors at once"

rules = typer.Typer(
    help="Business rules: alone, list all of them with their state: active, expired or future.",
)


@rules.callback(invoke_without_command=True)
def show(context: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """Business rules: alone, list all of them with their state: active, expired or future."""
    if context.invoked_subcommand is not None:
        return
    from flows.cli.tables.rules import rules_table
    from tasks.rules.files import list_rules

    settings = load(config)
    with _open(settings) as warehouse:
        answer = list_rules(warehouse, settings)
    print_answer(answer, as_json, rules_table)


@rules.command("load")
def load_rules_of(
    file: Annotated[Path, typer.Argument(help="A .csv, .parquet or .toml file, one rule a row.")],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Add the rules of a file to the table, in the place of those with the same names; all or none."""
    from tasks.rules.files import load_rules, read_file

    settings = load(config)
    found = read_file(file)
    with _open(settings) as warehouse:
        load_rules(warehouse, settings, found)
    _say([rule.name for rule in found], "loaded", as_json)


@rules.command("remove")
def remove(
    name: Annotated[list[str], typer.Argument(metavar="NAME", help="As `polyrec rules` shows them.")],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Take rules out of the table."""
    from tasks.rules.files import remove_rules

    settings = load(config)
    with _open(settings) as warehouse:
        remove_rules(warehouse, settings, name)
    _say(name, "removed", as_json)


def _open(settings: "Settings") -> "AbstractContextManager[Warehouse]":
    from warehouse.connection import writing

    return writing(settings.data_folder, "polyrec rules", settings.lock_timeout_s)


def _say(names: Sequence[str], done: str, as_json: bool) -> None:
    line = f"{', '.join(names)}: {done}; {AGAIN}"
    print_answer([{"name": name, "done": done} for name in names], as_json, lambda _: said(line))
