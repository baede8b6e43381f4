"""The help of every command as one page: `python -m flows.reference > docs/reference.md`."""

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from flows.cli import app

WIDTH = 100
HEAD = "# Command line\n\nMade by `python -m flows.reference > docs/reference.md`. Do not edit.\n"


def reference() -> str:
    """Markdown: a section a command, each with its help as plain text of a fixed width."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    root.rich_markup_mode = None  # no boxes and colours
    context = root.make_context("polyrec", [], resilient_parsing=True, terminal_width=WIDTH)
    sections = [HEAD, _section("polyrec", root.get_help(context))]
    for name, command in root.commands.items():
        assert isinstance(command, TyperCommand)
        command.rich_markup_mode = None
        own = command.make_context(name, [], parent=context, resilient_parsing=True, terminal_width=WIDTH)
        sections.append(_section(f"polyrec {name}", command.get_help(own)))
    return "\n".join(sections)


def _section(title: str, text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return f"## {title}\n\n```text\n{lines}\n```\n"


if __name__ == "__main__":
    print(reference(), end="")
