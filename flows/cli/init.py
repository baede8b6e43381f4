"""`polyrec init`: looks at files and writes a configuration for them."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.printing import print_answer, show

if TYPE_CHECKING:
    from tasks.ingest.draft import Draft, Kind
    from tasks.ingest.drafting.writing import Question

Files = list[Path] | None
ANSWERS = (
    "Instead of files: one of `polyrec data list`. Or the column of a role, as often as needed: "
    "items.title=COLUMN, interactions.user=COLUMN."
)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where polyrec.toml is written.")],
    items: Annotated[Files, typer.Option("--items", help="A catalogue; several share an id.")] = None,
    interactions: Annotated[Files, typer.Option("--interactions", help="An event log.")] = None,
    users: Annotated[Path | None, typer.Option("--users", help="Profiles of users.")] = None,
    searches: Annotated[Path | None, typer.Option("--searches", help="What people searched for.")] = None,
    triples: Annotated[Path | None, typer.Option("--triples", help="Knowledge about items.")] = None,
    chosen: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME | ROLE=COLUMN", help=ANSWERS)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing polyrec.toml.")] = False,
) -> None:
    """Look at files, or at all tables below DIR when none is named, or at a set, and write DIR/polyrec.toml.

    Columns are told from their values, then from their names.
    What is not sure is written and asked.
    """
    from tasks.ingest.draft import draft, draft_set
    from warehouse.errors import SettingsError

    file = folder / "polyrec.toml"
    if file.exists() and not force:
        raise SettingsError(f"{file} is there already; replace it with --force, or give another folder")
    given: Mapping[Kind, list[Path]] = {
        "items": items or [],
        "interactions": interactions or [],
        "users": [users] if users else [],
        "searches": [searches] if searches else [],
        "triples": [triples] if triples else [],
    }
    built_in, answers = _chosen(chosen or [])
    if built_in and (answers or any(given.values())):
        raise SettingsError(
            f"--set {built_in} brings its own files and columns; name these or a set, not both"
        )
    try:
        made = draft_set(built_in) if built_in else None
        folder.mkdir(parents=True, exist_ok=True)
        made = made or draft(folder, given, answers)
        if made.questions and at_terminal():
            made = draft(folder, given, answers | _asked(made.questions))
        file.write_text(made.text, encoding="utf-8")
    except (OSError, UnicodeEncodeError) as error:
        raise SettingsError(f"cannot write {file}: {error}; give another folder") from error
    _tell(made, file, built_in)


def at_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _chosen(values: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """The built-in set and the answers among the values of --set."""
    from warehouse.errors import SettingsError

    answers = dict(value.split("=", 1) for value in values if "=" in value)
    sets = [value for value in values if "=" not in value]
    if len(sets) > 1:
        raise SettingsError(f"--set names {len(sets)} sets: {', '.join(sets)}; name one, or ROLE=COLUMN")
    return (sets[0] if sets else None), answers


def _asked(questions: Sequence["Question"]) -> dict[str, str]:
    """Ask a person, with rows to look at; Enter takes the best guess."""
    from flows.cli.tables.data import rows_table

    answers = {}
    for question in questions:
        print_answer(question, False, rows_table)
        show(question.sentence())
        role = question.choice.role
        while (answer := typer.prompt(role, default=question.choice.column)) not in question.columns:
            show(f"{answer} is no column; write one of: {', '.join(question.columns)}")
        answers[role] = answer
    return answers


def _tell(made: "Draft", file: Path, built_in: str | None) -> None:
    """What was found out, what is open, and how to go on."""
    from flows.cli.tables.data import inferred_table
    from tasks.ingest.sets.catalogue import SETS

    print_answer(made.told, False, inferred_table)
    for line in made.unused:
        show(f"not used: {line}")
    for line in made.hints:
        show(f"consider: {line}")
    if made.questions:
        show("Not sure; right as it stands, or answer, for instance with:")
        for question in made.questions:
            show(f"  {question.sentence()}")
        role, other = made.questions[0].choice.role, made.questions[0].choice.runner_up or "COLUMN"
        folder = shlex.quote(str(file.parent))
        show(f"  polyrec init {folder} --force --set {shlex.quote(f'{role}={other}')}")
    for line in made.missing:
        show(f"missing: {line}")
    show(f"{file} is written. Read it, then:")
    fetched = [f"data get {built_in}"] if built_in and not SETS[built_in].embedded else []
    for command in (*fetched, "check", "run"):
        show(f"  polyrec {command} --config {shlex.quote(str(file))}")
