"""How well a column suits a role: points for what its values look like, and for what its name speaks of."""

import re
from collections.abc import Callable

from tasks.ingest.drafting.events import weight_of
from tasks.ingest.drafting.names import plain_name
from tasks.ingest.drafting.profile import PICTURE, URL, YEAR, Profile

Concepts = dict[str, float]
NEVER = float("-inf")
MANY_TYPES = 30


def _said(said: Concepts, *names: str) -> float:
    return max((said.get(name, 0.0) for name in names), default=0.0)


def unnamed(column: Profile) -> bool:
    """Whether the file gives the column no name."""
    return bool(re.fullmatch(r"column\d+", column.name))


def _identifier(column: Profile) -> bool:
    """Whether values may name something."""
    if not len(column.filled) or column.time in ("date", "epoch") or column.listed >= 0.5:
        return False
    return not (column.number >= 0.95 and column.whole < 0.95) and column.share(URL) < 0.5


def user(column: Profile, said: Concepts) -> float:
    """Points for naming who did something."""
    if not _identifier(column) or column.words > 8 or (column.truth and not _said(said, "user")):
        return NEVER
    points = 1.0 * (column.hashes >= 0.9) - (column.words > 3) - (column.n_distinct < 2)
    points += 3 * _said(said, "user") + 0.5 * _said(said, "user") * _said(said, "id")
    if not _said(said, "user"):
        points -= 2 * _said(said, "item", "order", "category", "place", "content", "title", "text", "event")
    points -= 1.5 * _said(said, "name") * (not _said(said, "id"))
    return points - 3 * _said(said, "time", "birth", "computed", "price", "rating", "amount", "year", "image")


def item(column: Profile, said: Concepts) -> float:
    """Points for naming what something was done with."""
    if (
        not _identifier(column)
        or column.words > 12
        or column.time
        or (column.truth and not _said(said, "item"))
    ):
        return NEVER
    named = _said(said, "item")
    points = 0.3 * (column.hashes >= 0.9) + 2.5 * named + _said(said, "id") * (1 if named else 0.3)
    points -= 2 * _said(said, "order", "category", "content", "place") + 3 * _said(said, "user")
    points -= 0.7 * _said(said, "name", "title") * (not _said(said, "id")) + 0.3 * (column.words > 3)
    return points - 3 * _said(
        said, "time", "birth", "computed", "price", "rating", "amount", "year", "image", "text"
    )


def time(column: Profile, said: Concepts) -> float:
    """Points for saying when."""
    if not column.time:
        return NEVER
    points = {"date": 2.5, "epoch": 2.5, "day": 1.0}[column.time] + 1.5 * _said(said, "time")
    points += 0.7 * _said(said, "order") * _said(said, "time")
    points -= 1.5 * _said(said, "id", "item", "user") * (not _said(said, "time"))
    return points - 2 * _said(said, "late") - 4 * _said(said, "birth")


def rating(column: Profile, said: Concepts) -> float:
    """Points for a value that says how much somebody liked something."""
    if column.number < 0.95 or column.time:
        return NEVER
    lowest, highest = column.numbers.min(), column.numbers.max()
    few = bool(column.steps)
    bounded = isinstance(lowest, float) and isinstance(highest, float) and lowest >= -100 and highest <= 100
    points = (1.0 if few and bounded else 0.3 if bounded else -1.0) - 2 * (len(column.steps) == 1)
    points += 2.5 * _said(said, "rating") + 1.2 * _said(said, "value") - 2 * column.row_number
    points += 0.8 * (not said and (2 if unnamed(column) else 3) <= len(column.steps) <= 11) - 2 * _said(
        said, "computed"
    )
    points -= 2 * _said(said, "user", "item", "order", "id") * (not _said(said, "rating"))
    return points - 3 * _said(said, "price", "year", "time", "place", "amount", "late")


def amount(column: Profile, said: Concepts) -> float:
    """Points for a number that says how many or how long."""
    if column.number < 0.95 or column.time or column.row_number:
        return NEVER
    points = 0.5 + 2.5 * _said(said, "amount") + 0.5 * _said(said, "value") - 2 * (len(column.steps) == 1)
    points += 1.0 * (unnamed(column) and column.skewed)
    points -= 2 * _said(said, "computed") * (not _said(said, "amount"))
    return points - 3 * _said(
        said, "price", "id", "year", "time", "place", "order", "user", "item", "rating", "late"
    )


def event(column: Profile, said: Concepts) -> float:
    """Points for naming the type of an event."""
    n = column.n_distinct
    if not 1 <= n <= min(MANY_TYPES, max(3, len(column.filled) // 2)) or column.time or column.listed >= 0.5:
        return NEVER
    known = sum(weight_of(name) is not None for name in column.filled.unique()) / n
    if column.truth:
        return 2.5 * _said(said, "rating", "event") if column.number < 0.5 else NEVER
    if column.number >= 0.5:
        known = 0.0
    named = 2 * _said(said, "event") + 0.3 * _said(said, "category")
    if column.words > 4 or not (known or named):
        return NEVER
    return (
        3 * known
        + named
        - 2 * (n == 1)
        - _said(said, "order", "computed")
        - 2 * _said(said, "user", "item", "place", "late")
    )


def query(column: Profile, said: Concepts) -> float:
    """Points for holding what somebody typed."""
    if column.letters < 0.5 or column.words > 12 or column.time or column.listed >= 0.5:
        return NEVER
    return 3 * _said(said, "query") - 1


def identity(column: Profile, said: Concepts) -> float:
    """Points for naming the rows of a catalogue."""
    points = item(column, said)
    if points == NEVER or column.filled_share < 0.9:
        return NEVER
    points += 2 * (column.uniqueness - 0.9) * 10 if column.uniqueness < 0.98 else 2.0
    return points - 0.5 * (column.words > 3) + 0.5 * column.row_number * (not said)


def title(column: Profile, said: Concepts) -> float:
    """Points for the name by which people know an item."""
    if not len(column.filled) or column.letters < 0.3 or column.time or column.truth:
        return NEVER
    if column.share(URL) >= 0.3 or column.listed >= 0.3 or column.hashes >= 0.5:
        return NEVER
    points = 1.5 * column.uniqueness + (
        0.5 if 1.2 <= column.words <= 12 else -1.5 if column.words > 25 else 0
    )
    exact = column.name and plain_name(column.name) in ("title", "name", "titel", "titre", "titulo", "titolo")
    called = max(
        2.5 * _said(said, "name") + 0.7 * _said(said, "item") * _said(said, "name"), 1.5 * _said(said, "item")
    )
    points += max(3 * _said(said, "title"), called) + 1.0 * bool(exact)
    points -= 2.5 * _said(said, "category", "content", "place", "event") * (not _said(said, "title"))
    points -= 1.5 * _said(said, "user", "id", "order") * (not _said(said, "title"))
    points -= 0.5 * _said(said, "text") * (not _said(said, "title"))
    return points - 3 * _said(said, "image", "year", "price", "computed", "late")


def description(column: Profile, said: Concepts) -> float:
    """Points for a longer text about an item."""
    if (
        column.letters < 0.5
        or column.time
        or column.share(URL) >= 0.5
        or column.share(r"^\s*\[?\s*\{") >= 0.3
    ):
        return NEVER
    points = 2.0 if column.words >= 15 else 1.2 if column.words >= 7 else 0.0 if column.words >= 3 else -2.0
    exact = plain_name(column.name) in ("description", "beschreibung", "overview", "abstract")
    points += 2.5 * _said(said, "text") + 0.7 * exact - (column.uniqueness < 0.3)
    points -= 2 * _said(said, "title", "name", "category", "content", "place", "user", "query")
    return points - 3 * _said(said, "image", "computed", "late")


def categories(column: Profile, said: Concepts) -> float:
    """Points for the kinds of an item: few values that many items share, or lists of such."""
    if not len(column.filled) or column.time or column.truth or column.share(URL) >= 0.3 or column.words > 25:
        return NEVER
    lists = column.listed >= 0.5 or bool(column.separator)
    shared = column.n_distinct <= 0.5 * len(column.filled) and column.n_distinct >= 2
    points = (
        1.2 * lists
        + 1.0 * shared
        + 0.7 * (not said and (lists or shared))
        - 1.5 * (column.letters < 0.5)
        - 1.5 * (column.uniqueness > 0.9 and not lists)
    )
    points += (
        2.5 * _said(said, "category")
        - 0.7 * _said(said, "id", "computed")
        - 0.3 * (column.filled_share < 0.5)
    )
    points += 0.7 * (plain_name(column.name) in ("category", "categories", "genres", "genre", "categoryname"))
    points -= 2 * _said(said, "content", "place", "user") * (not _said(said, "category"))
    points -= 2.5 * (column.share(r"^\s*\[\s*\{") >= 0.2 and column.share(r"['\"]name['\"]\s*:") < 0.2)
    return points - 3 * _said(said, "image", "year", "price", "text", "title")


def year(column: Profile, said: Concepts) -> float:
    """Points for the year that an item is from; a date that begins with it will do."""
    named = _said(said, "year")
    if column.share(YEAR) >= 0.9 and column.n_distinct > 1:
        return 1.6 + 2.5 * named - 2 * _said(said, "id", "item", "price", "computed")
    released = bool(
        re.search(
            r"release|publi|premier|erschein|sortie|estreno|发行|上映|出版|発売|公開", column.name.lower()
        )
    )
    if column.share(r"^\s*\d{4}(\D|$)") >= 0.9 and (released or named):
        return 0.7 + 2.5 * named + 1.5 * released
    return 1.5 * named if named and column.number >= 0.8 and column.whole >= 0.8 else NEVER


def image(column: Profile, said: Concepts) -> float:
    """Points for where a picture lies."""
    pictures = column.share(PICTURE)
    if column.listed >= 0.5 or column.number >= 0.5 or not len(column.filled):
        return NEVER
    named = _said(said, "image")
    addressed = column.share(URL) >= 0.5 or column.share(r"/|\\") >= 0.5
    if pictures < 0.5 and not (named and addressed):
        return NEVER
    small = bool(re.search(r"small|thumb|icon", column.name.lower()))
    return (
        3 * (pictures >= 0.5)
        + 2 * named
        - 1.5 * small
        - 2 * bool(re.search(r"backdrop|logo", column.name.lower()))
    )


def active(column: Profile, said: Concepts) -> float:
    """Points for saying whether an item may be recommended."""
    return 0.5 + 2.5 * _said(said, "active") if column.truth else NEVER


POINTS: dict[str, dict[str, Callable[[Profile, Concepts], float]]] = {
    "items": {
        "id": identity,
        "title": title,
        "description": description,
        "categories": categories,
        "year": year,
        "image": image,
        "active": active,
    },
    "interactions": {"user": user, "item": item, "time": time, "value": rating, "event": event},
}
