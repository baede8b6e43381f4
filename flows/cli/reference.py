"""The help of every command as one page: `python -m flows.cli.reference > docs/reference.md`."""

import inspect
from collections.abc import Iterator

from typer._click.core import Context
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from flows.cli.app import app

HEAD = """# Command line

Made by `python -m flows.cli.reference > docs/reference.md`. Do not edit.

Every command takes `--help`. What these two mean is said once:
"""
SHARED = ("--json", "--config")


def reference() -> str:
    """Markdown: a section a command, with what it does and a line for each argument and option."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    context = root.make_context("polyrec", [], resilient_parsing=True)
    report = root.commands["report"].make_context("report", [], parent=context, resilient_parsing=True)
    shared = [line for line in _options(report) if line.startswith(tuple(f"- `{one}" for one in SHARED))]
    return "\n".join([HEAD, *shared, "", *_sections(root, context, set(shared))]).rstrip() + "\n"


def _sections(group: TyperGroup, context: Context, shared: set[str]) -> Iterator[str]:
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
        lines = [line.partition(":")[0] if line in shared else line for line in _options(own)]
        if lines:
            yield from (*lines, "")
        if isinstance(command, TyperGroup):
            yield from _sections(command, own, shared)


def _options(context: Context) -> list[str]:
    """A line for each argument and option that is not hidden, but for --help."""
    records = (one.get_help_record(context) for one in context.command.get_params(context))
    return [f"- `{record[0]}`: {record[1]}" for record in records if record and record[0] != "--help"]


if __name__ == "__main__":
    print(reference(), end="")
