"""An item as its content describes it: one record from core.items to prompts, vectors and pages."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import polars as pl

from tasks.items.content import neutral, shortened
from warehouse.columns import ITEM

# What `Item.content_with` makes of a text: a new value has every text encoded again.
ENCODED_AS = " after item content"


@dataclass(frozen=True)
class Item:
    """What is known of an item. Nothing computed from interactions is among it.

    `words`, in the methods: a description and each declared column are cut after so many; 0 leaves them out.
    """

    title: str
    year: int | None = None
    categories: Sequence[str] = ()
    description: str | None = None
    columns: str | None = None
    """JSON object of the further columns declared as content, name to value; `content` in core.items."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """The item of a row that has its title and year, and may have its other content columns."""
        more = row.get("description"), row.get("content")
        return cls(row["title"], row["year"], row.get("categories") or (), *more)

    @property
    def titled(self) -> str:
        """The title with the year that the item is from, if that is known.

        >>> Item("Toy Story", 1995).titled
        'Toy Story (1995)'
        """
        return _with_year(self.title, self.year)

    def fields(self) -> list[str]:
        """All of it as texts, as it was delivered; the title comes first."""
        year = [str(self.year)] if self.year is not None else []
        return [self.title, *year, *self.categories, *filter(None, (self.description, self.columns))]

    def declared(self, words: int) -> dict[str, str]:
        """The declared columns by name; one without a value is left out.

        >>> Item("Heat", columns='{"original_language": "en", "budget": null}').declared(40)
        {'original_language': 'en'}
        """
        values = json.loads(self.columns) if self.columns else {}
        return {name: shortened(str(value), words) for name, value in values.items() if value is not None}

    def described(self, words: int) -> list[str]:
        """What there is beyond title, year and categories: declared columns, then the description.

        >>> Item("Heat", None, [], "A thief.", '{"lead_actor": "Al Pacino", "tagline": " "}').described(40)
        ['lead actor: Al Pacino', 'A thief']
        """
        named = ((neutral(name.replace("_", " ")), value) for name, value in self.declared(words).items())
        about = shortened(self.description or "", words)
        parts = [f"{name}: {value}" for name, value in named if value]
        return [part for part in (*parts, about if about.endswith("...") else about.rstrip(". ")) if part]

    def content(self, words: int = 40) -> str:
        """What is encoded of the item.

        >>> Item("Toy Story", 1995, ["Animation", "Comedy"]).content()
        'Toy Story (1995). Animation, Comedy'
        >>> Item("Toy Story", None, [], "A doll is jealous.", '{"director": "John Lasseter"}').content()
        'Toy Story. director: John Lasseter. A doll is jealous'
        """
        named = ", ".join(map(neutral, self.categories))
        head = [_with_year(neutral(self.title), self.year), *([named] if named else [])]
        return ". ".join([*head, *self.described(words)])

    def content_with(self, text: str, words: int = 40) -> str:
        """What is encoded of one of its texts: the text alone says too little about the item.

        >>> Item("Toy Story", 1995, ["Animation"]).content_with("The mood is bright.")
        'Toy Story (1995). Animation. The mood is bright.'
        """
        return f"{self.content(words)}. {text}"

    def facts(self, noun: str, words: int = 40) -> str:
        """What prompts say of the item, on one line.

        Args:
            noun: what an item is called.
            words: see the class.

        >>> Item("Toy Story", 1995, ["Animation", "Comedy"]).facts("film")
        'Film: Toy Story (1995), animation, comedy.'
        >>> Item("Heat", 1995, ["Crime"], "A thief.", '{"director": "Mann"}').facts("film")
        'Film: Heat (1995), crime. Director: Mann. A thief.'
        """
        categories = (neutral(category).lower() for category in self.categories)
        head = ", ".join([_with_year(neutral(self.title), self.year), *categories])
        more = [part[:1].upper() + part[1:] for part in self.described(words)]
        facts = ". ".join([f"{noun.capitalize()}: {head}", *more])
        return facts if more and facts.endswith("...") else f"{facts}."


def items_of(frame: pl.DataFrame) -> list[Item]:
    """The item of each row, as `Item.of`."""
    return [Item.of(row) for row in frame.iter_rows(named=True)]


def items_by_id(frame: pl.DataFrame) -> dict[str, Item]:
    """The items of a frame by their item_id."""
    return dict(zip(frame[ITEM], items_of(frame), strict=True))


def _with_year(title: str, year: int | None) -> str:
    return title if year is None else f"{title} ({year})"
