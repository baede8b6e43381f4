"""What of an item is encoded: its content columns, in one line."""

from collections.abc import Sequence


def item_content(title: str, year: int | None, categories: Sequence[str]) -> str:
    """Title, year and categories.

    >>> item_content("Toy Story", 1995, ["Animation", "Comedy"])
    'Toy Story (1995). Animation, Comedy'
    """
    dated = f"{title} ({year})" if year is not None else title
    return f"{dated}. {', '.join(categories)}" if categories else dated
