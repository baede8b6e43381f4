"""What of an item and of a text is encoded."""

from collections.abc import Sequence

from tasks.content import described, neutral, titled

# What `text_content` makes of a text: a new value has every text encoded again.
ENCODED_AS = " after item content"


def item_content(
    title: str,
    year: int | None,
    categories: Sequence[str],
    description: str | None = None,
    content: str | None = None,
    words: int = 40,
) -> str:
    """Title, year and categories, then declared columns and description, where there are any.

    Args:
        title: Its name.
        year: The year it is from.
        categories: Its categories.
        description: A longer text about it, cut after `words` words.
        content: JSON object of the further columns declared as content, each cut likewise.
        words: See above; 0 leaves both out.

    >>> item_content("Toy Story", 1995, ["Animation", "Comedy"])
    'Toy Story (1995). Animation, Comedy'
    >>> item_content("Toy Story", None, [], "A doll is jealous.", '{"director": "John Lasseter"}')
    'Toy Story. director: John Lasseter. A doll is jealous'
    """
    named = ", ".join(neutral(category) for category in categories)
    head = [titled(neutral(title), year), *([named] if named else [])]
    return ". ".join([*head, *described(description, content, words)])


def text_content(
    title: str,
    year: int | None,
    categories: Sequence[str],
    text: str,
    description: str | None = None,
    content: str | None = None,
    words: int = 40,
) -> str:
    """An item's content, then one of its texts: a text alone says too little about the item.

    >>> text_content("Toy Story", 1995, ["Animation"], "The mood is bright.")
    'Toy Story (1995). Animation. The mood is bright.'
    """
    return f"{item_content(title, year, categories, description, content, words)}. {text}"
