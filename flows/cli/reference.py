"""The help of every command as one page: `python -m flows.cli.reference > docs/reference.md`."""

import inspect
from collections.abc import Iterator

from typer._click.core import Context
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from flows.cli.app import app

HEAD = """# Command line

Made by `python -m flows.cli.reference > docs/reference.md`. Do not edit. Every command takes `--help`, too.
"""


def reference() -> str:
    """Markdown: a section a command, with what it does and a line for each argument and option."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    context = root.make_context("polyrec", [], resilient_parsing=True)
    return "\n".join([HEAD, *_sections(root, context)]).rstrip() + "\n"


def _sections(group: TyperGroup, context: Context) -> Iterator[str]:
    """The lines of every command of a group, and of those of groups inside it."""
    for name, command in group.commands.items():
        assert isinstance(command, TyperCommand | TyperGroup)
        own = command.make_context(name, [], parent=context, resilient_parsing=True)
        pieces = [piece for piece in command.collect_usage_pieces(own) if piece != "[OPTIONS]"]
        yield from (
            f"## {' '.join([own.command_path, *pieces])}",
            "",
            inspect.cleandoc(command.help or ""),
            "",
        )
        records = [record for one in command.get_params(own) if (record := one.get_help_record(own))]
        if lines := [f"- `{option}`: {what}" for option, what in records if option != "--help"]:
            yield from (*lines, "")
        if isinstance(command, TyperGroup):
            yield from _sections(command, own)


if __name__ == "__main__":
    print(reference(), end="")
