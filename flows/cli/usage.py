"""What is said of a command line that cannot be read: one line, with how to write it where that is known."""

import shlex
from collections.abc import Sequence

from typer._click.core import Context
from typer._click.exceptions import ClickException, NoSuchOption, UsageError


def misread(error: ClickException, words: Sequence[str]) -> str:
    """The line for an error; `words` are what was typed after `polyrec`."""
    context = error.ctx if isinstance(error, UsageError) else None
    if context is None:
        return _plain(error)
    if isinstance(error, NoSuchOption):
        return _no_such_option(error, context, words)
    said = _plain(error)
    if said.startswith("got unexpected extra argument"):
        said += "; an id with a space in it stands in quotes"
    return said if said.endswith("?") else f"{said}; see `{context.command_path} --help`"


def _plain(error: ClickException) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")
    return message[:1].lower() + message[1:]


def _no_such_option(error: NoSuchOption, context: Context, words: Sequence[str]) -> str:
    """An id that begins with - is taken for an option: say how to write it."""
    path = context.command_path.split()[1:]
    options, arguments = _sorted_out(words, path, context)
    unknown = next((word for word in arguments if word.startswith("-")), error.option_name)
    said = f"`{context.command_path}` has no option {unknown}"
    if error.possibilities:
        return f"{said}; did you mean {' or '.join(sorted(error.possibilities))}?"
    if not any(one.param_type_name == "argument" for one in context.command.params):
        return f"{said}; see `{context.command_path} --help`"
    right = shlex.join(["polyrec", *path, *options, "--", *arguments])
    return f"{said}; if it is an id, write it after --, and options before: {right}"


def _sorted_out(words: Sequence[str], path: Sequence[str], context: Context) -> tuple[list[str], list[str]]:
    """What was typed after the command, as options with their values, and all else."""
    takes_value = {
        name: not getattr(one, "is_flag", False)
        for one in context.command.get_params(context)
        for name in (*one.opts, *one.secondary_opts)
        if one.param_type_name == "option"
    }
    left, names = list(words), list(path)
    while left and names and left[0] in names:
        names = names[names.index(left.pop(0)) + 1 :]
    options: list[str] = []
    arguments: list[str] = []
    while left:
        word = left.pop(0)
        if word == "--":
            return options, arguments + left
        name, has_value, _ = word.partition("=")
        if name not in takes_value:
            arguments.append(word)
            continue
        options.append(word)
        if takes_value[name] and not has_value and left:
            options.append(left.pop(0))
    return options, arguments
