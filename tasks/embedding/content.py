"""What of an item and of a text is encoded."""

from collections.abc import Sequence

# What `text_content` makes of a text: a new value has every text encoded again.
ENCODED_AS = " after item content"


def item_content(title: str, year: int | None, categories: Sequence[str]) -> str:
    """Title, year and categories.

    >>> item_content("Toy Story", 1995, ["Animation", "Comedy"])
    'Toy Story (1995). Animation, Comedy'
    """
    dated = f"{title} ({year})" if year is not None else title
    return f"{dated}. {', '.join(categories)}" if categories else dated


def text_content(title: str, year: int | None, categories: Sequence[str], text: str) -> str:
    """An item's content, then one of its texts: a text alone says too little about the item.

    >>> text_content("Toy Story", 1995, ["Animation"], "The mood is bright.")
    'Toy Story (1995). Animation. The mood is bright.'
    """
    return f"{item_content(title, year, categories)}. {text}"
