"""The help of every command as one page: `python -m flows.cli.reference > docs/reference.md`."""

from typer._click.core import Context
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from flows.cli.app import app

WIDTH = 100
HEAD = "# Command line\n\nMade by `python -m flows.cli.reference > docs/reference.md`. Do not edit.\n"


def reference() -> str:
    """Markdown: a section a command, each with its help as plain text of a fixed width."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    root.rich_markup_mode = None  # no boxes and colours
    context = root.make_context("polyrec", [], resilient_parsing=True, terminal_width=WIDTH)
    sections = [HEAD, _section("polyrec", root.get_help(context))]
    sections += _commands(root, context, "polyrec")
    return "\n".join(sections)


def _commands(group: TyperGroup, context: Context, path: str) -> list[str]:
    """A section for every command of a group, and for those of groups inside it."""
    sections = []
    for name, command in group.commands.items():
        assert isinstance(command, TyperCommand | TyperGroup)
        command.rich_markup_mode = None
        own = command.make_context(name, [], parent=context, resilient_parsing=True, terminal_width=WIDTH)
        sections.append(_section(f"{path} {name}", command.get_help(own)))
        if isinstance(command, TyperGroup):
            sections += _commands(command, own, f"{path} {name}")
    return sections


def _section(title: str, text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return f"## {title}\n\n```text\n{lines}\n```\n"


if __name__ == "__main__":
    print(reference(), end="")
