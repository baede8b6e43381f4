"""Lists of objects in one cell, as JSON or as Python writes them: the names of what they list.

For instance `[{'id': 16, 'name': 'Animation'}]`, as The Movie Database delivers genres.
"""

import ast
import csv
import json
import re
from collections.abc import Iterator, Mapping

NAMES = ("name", "title", "label", "value", "genre", "category", "tag", "text", "term", "displayname")
"""Keys of an object that hold its name, the likeliest first; also keys that end in one of the first three."""

_POSTGRES_ARRAY = re.compile(r"\{([^{}:]*)\}")
_NAN = re.compile(r"(?<=[:,\[] )nan\b")


def names_of(text: str) -> list[str] | None:
    """The names in a cell of objects, in their order; None when it cannot be read, or no object has a name.

    >>> names_of("[{'id': 16, 'name': 'Animation'}, {'id': 35, 'name': 'Children'}]"), names_of("[]")
    (['Animation', 'Children'], [])
    >>> names_of('{"id": 7, "title": {"de": "Märchen", "en": "Tales"}}'), names_of("[{'id': 16}]")
    (['Tales'], None)
    """
    try:
        value = _parsed(text.strip())
        found = list(_names(value))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return None if found and not any(found) else [name for name in found if name]


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return ast.literal_eval(_NAN.sub("None", text))
    except (ValueError, SyntaxError, TypeError):
        if array := _POSTGRES_ARRAY.fullmatch(text):
            return next(csv.reader([array[1]], skipinitialspace=True), [])
        raise


def _names(value: object) -> Iterator[str]:
    """Every name; empty for an object that has none."""
    if isinstance(value, Mapping):
        yield from _named(value)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _names(one)
    elif isinstance(value, (set, frozenset)):
        for one in sorted(value, key=str):
            yield from _names(one)
    elif value is not None:
        yield str(value)


def _named(value: Mapping[object, object]) -> Iterator[str]:
    if not value:
        return
    keys = {re.sub(r"[^a-z]", "", str(key).lower()): key for key in reversed(value)}
    own = next((keys[name] for name in NAMES if name in keys), None)
    if own is None:
        own = next((key for plain, key in keys.items() if plain.endswith(NAMES[:3])), None)
    if own is None:
        yield ""
        return
    named = value[own]
    if isinstance(named, Mapping) and not any(isinstance(one, (Mapping, list)) for one in named.values()):
        named = named.get("en") or next(iter(named.values()), None)  # by language
    yield from (name for name in _names(named) if name) if named else ("",)
