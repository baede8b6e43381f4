"""`polyrec init`: looks at files and writes a configuration for them."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.printing import print_answer, show

if TYPE_CHECKING:
    from tasks.ingest.infer_schema import Kind

Files = list[Path] | None


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where polyrec.toml is written.")],
    items: Annotated[Files, typer.Option("--items", help="A catalogue; several share an id.")] = None,
    interactions: Annotated[Files, typer.Option("--interactions", help="An event log.")] = None,
    users: Annotated[Path | None, typer.Option("--users", help="Profiles of users.")] = None,
    searches: Annotated[Path | None, typer.Option("--searches", help="What people searched for.")] = None,
    triples: Annotated[Path | None, typer.Option("--triples", help="Knowledge about items.")] = None,
    built_in: Annotated[
        str | None, typer.Option("--set", help="Instead of files: one of `polyrec data list`.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing polyrec.toml.")] = False,
) -> None:
    """Look at files, or at those in DIR when none is named, or at a set, and write DIR/polyrec.toml."""
    from flows.cli.tables.data import inferred_table
    from tasks.ingest.draft import draft, draft_set
    from tasks.ingest.sets.catalogue import SETS
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
    if built_in and any(given.values()):
        raise SettingsError(f"--set {built_in} brings its own files; name files or a set, not both")
    try:
        made = draft_set(built_in) if built_in else None
        folder.mkdir(parents=True, exist_ok=True)
        made = made or draft(folder, given)
        file.write_text(made.text, encoding="utf-8")
    except (OSError, UnicodeEncodeError) as error:
        raise SettingsError(f"cannot write {file}: {error}; give another folder") from error
    print_answer(made.told, False, inferred_table)
    for line in made.unused:
        show(f"not used: {line}")
    show(f"{file} is written. Read it, then:")
    fetched = [f"data get {built_in}"] if built_in and not SETS[built_in].embedded else []
    for command in (*fetched, "check", "run"):
        show(f"  polyrec {command} --config {shlex.quote(str(file))}")
