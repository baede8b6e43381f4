"""Templates of prompts: Jinja2 in its sandbox, checked when settings load.

A template is written by whoever runs the project, what it is filled with by anybody: values are never read as
templates. The same item always gives the same text, so nothing random is at hand.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType, TracebackType
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from warehouse.errors import PolyrecError


class Columns(dict[str, str]):
    """An item's further content columns: one that it lacks is empty."""

    _lacking = ""

    def __missing__(self, name: str) -> str:
        return self._lacking


EMPTY: MappingProxyType[str, Any] = MappingProxyType(
    {
        "title": "",
        "year": "",
        "categories": (),
        "description": "",
        "content": Columns(),
        "noun": "item",
        "facts": "Item: untitled.",
    }
)
"""What a template may use, as an item gives it that has nothing: text, but for the year, if it is known, a
number; the categories; and the columns by name."""
_EVERY_COLUMN = Columns()
_EVERY_COLUMN._lacking = "Some words"
_FULL = EMPTY | {
    "title": "A title",
    "year": 1995,
    "categories": ("One", "Two"),
    "description": "Some words.",
    "content": _EVERY_COLUMN,
}


def _printed(value: object) -> object:
    """What `{{ }}` may print: an address in memory, say, would be another one in every run."""
    if value is None:
        return ""
    if isinstance(value, str | int | float | Undefined):
        return value
    if callable(value):
        raise TypeError("{{ }} would print a function; for a column of that name write content['...']")
    raise TypeError("{{ }} would print a list; join its parts with | join(', '), or name one of them")


_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, finalize=_printed, autoescape=False)
del _ENVIRONMENT.filters["random"], _ENVIRONMENT.globals["lipsum"]


@lru_cache(maxsize=256)
def _compiled(source: str) -> Template:
    return _ENVIRONMENT.from_string(source.rstrip())


def rendered(angle: str, source: str, values: Mapping[str, Any]) -> str:
    """Fill an angle's template with values named as in `EMPTY`.

    >>> rendered("mood", "{{ noun }}: {{ title }} {{ content.author }}", EMPTY | {"title": "{{ 7*7 }}"})
    'item: {{ 7*7 }} '

    Raises:
        PolyrecError: it fails with these values.
    """
    try:
        return _compiled(source).render(values)
    except Exception as error:  # whatever goes wrong in it, the template is what to mend
        line = _line_in_template(error.__traceback__)
        given = (
            f", with the title {values['title'][:80]!r}" if values["title"] else ", where columns are empty"
        )
        said = str(error).rstrip(".") + ("" if values is _FULL else given)
        raise PolyrecError(_said(angle, source, line, said)) from None


def check_template(angle: str, source: str) -> None:
    """Read an angle's template and try it on an item that has everything and on one that has nothing.

    Raises:
        PolyrecError: it cannot be read, uses what there is not or what is forbidden, or fails in the trial.
    """
    for at, letter in enumerate(source):
        if letter != "\n" and not letter.isprintable():
            raise PolyrecError(_at(angle, source, at, f"the character {letter!r} is not allowed"))
    try:
        tree = _ENVIRONMENT.parse(source.rstrip())
        _check_names(angle, source, tree)
        _compiled(source)
    except TemplateSyntaxError as error:
        raise PolyrecError(_said(angle, source, error.lineno, error.message or "it cannot be read")) from None
    rendered(angle, source, _FULL)
    *facts, opening = rendered(angle, source, EMPTY).split("\n")
    if not facts or not opening.strip():
        what = "one line only" if not facts else "a last line that is empty for an item that lacks columns"
        raise PolyrecError(
            f"angle {angle!r}: its template has {what}; give the facts first, such as {{{{ facts }}}}, and "
            "on the last line the words that every answer begins with"
        )


def _check_names(angle: str, source: str, tree: nodes.Template) -> None:
    """Refuse, in every branch, variables and filters that there are not, and what is not allowed."""
    unknown = find_undeclared_variables(tree) - EMPTY.keys() - _ENVIRONMENT.globals.keys()
    for at, name in _names(source):
        if name in unknown:
            raise PolyrecError(
                _at(angle, source, at, f"there is no variable {name!r}; known are {', '.join(EMPTY)}")
            )
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        raise PolyrecError(_said(angle, source, node.lineno, "a template cannot use other templates"))
    known: tuple[tuple[type[nodes.Filter | nodes.Test], Mapping[str, Callable[..., Any]]], ...]
    known = ((nodes.Filter, _ENVIRONMENT.filters), (nodes.Test, _ENVIRONMENT.tests))
    for kind, those in known:
        for node in tree.find_all(kind):
            if node.name not in those:
                said = f"there is no {kind.__name__.lower()} {node.name!r}"
                raise PolyrecError(_said(angle, source, node.lineno, said))
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        if isinstance(name, str) and name.startswith("__"):
            raise PolyrecError(_said(angle, source, node.lineno, f"the attribute {name!r} is forbidden"))


def _names(source: str) -> Iterator[tuple[int, str]]:
    """Where the names stand that are no attributes: offset, name."""
    at, before = 0, ""
    for _, kind, token in _ENVIRONMENT.lex(source.rstrip()):
        at = source.find(token, at)
        if at < 0:
            return
        if kind == "name" and before != ".":
            yield at, token
        at += len(token)
        before = token if kind != "whitespace" else before


def _line_in_template(traceback: TracebackType | None) -> int | None:
    """The line of the template that failed."""
    line = None
    while traceback:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _at(angle: str, source: str, at: int, said: str) -> str:
    """A message with the line and column of an offset."""
    line = source.count("\n", 0, at) + 1
    return f"angle {angle!r}, line {line}, column {at - source.rfind(chr(10), 0, at)} of its template: {said}"


def _said(angle: str, source: str, line: int | None, said: str) -> str:
    """A message with the line, and the column of the word it speaks of where that stands there once."""
    if line is None:
        return f"angle {angle!r}: its template: {said}"
    start = sum(len(one) + 1 for one in source.split("\n")[: line - 1])
    text = source.split("\n")[line - 1]
    if found := re.search(r"unexpected char '.*' at (\d+)", said):
        return _at(angle, source, int(found[1]), said)
    marks = {"end of print statement": "}}", "end of statement block": "%}"}
    quoted: list[str] = re.findall(r"got '([^']+)'", said) or re.findall(r"'([^']+)'", said)
    for word in (marks.get(word, word) for word in reversed(quoted)):
        if text.count(word) == 1:
            return _at(angle, source, start + text.index(word), said)
    return f"angle {angle!r}, line {line} of its template: {said}"
