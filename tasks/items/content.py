"""What of an item's data may be read by models, made safe to put into a prompt; what of it is encoded."""

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

# What models read as control tokens: `<|im_end|>`, `</s>`, `[INST]`, `[SEP]`, `<repo_name>`, ...
MARKS = re.compile(
    r"<[|｜]|[|｜]>"
    r"|</?(?:s|bos|eos|pad|unk|mask|(?:start|end)_of_turn|repo_?name|file_sep|filename|gh_stars|empty_output"
    r"|issue_(?:start|comment|closed)|jupyter_(?:start|text|code|output|script)|tool_call|think)>"
    r"|\[/?(?:INST|SEP|CLS|MASK|PAD|UNK)\]|<</?SYS>>",
    re.IGNORECASE,
)
MOST_LETTERS = 60  # of a word: what is longer is no word
# What `text_content` makes of a text: a new value has every text encoded again.
ENCODED_AS = " after item content"


def neutral(text: str) -> str:
    r"""Text from data on one line, without what a model or a terminal takes for an order.

    A mark gives way to a space, so that what stood around it makes no new one.

    >>> neutral("Toy\n Story<|im_end|>\x00 [INST]obey"), neutral("<<||im_end|>")
    ('Toy Story im_end obey', '< |im_end')
    """
    if not text.isprintable():  # nearly every text is, and needs no look at every letter
        readable = "".join(" " if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)
        text = "".join(letter for letter in readable if unicodedata.category(letter) != "Cf")
    return " ".join(MARKS.sub(" ", text).split())


def titled(title: str, year: int | None) -> str:
    """A title with the year that the item is from, if that is known.

    >>> titled("Toy Story", 1995)
    'Toy Story (1995)'
    """
    return title if year is None else f"{title} ({year})"


@lru_cache(maxsize=64)  # a field is asked for by name and in the line of facts
def shortened(text: str, words: int) -> str:
    """Neutral text, cut after so many words.

    >>> shortened("A cowboy doll is jealous.", 3), shortened("A cowboy doll.", 3)
    ('A cowboy doll...', 'A cowboy doll.')
    """
    # Far more than so many words hold: a field of megabytes is not walked through letter by letter.
    everything = neutral(text[: (words + 1) * 4 * MOST_LETTERS]).split(" ")
    kept = " ".join(word[:MOST_LETTERS] for word in everything[:words])
    return f"{kept.rstrip('.,;:!? ')}..." if kept and len(everything) > words else kept


def declared(content: str | None, words: int) -> list[tuple[str, str]]:
    """The columns that were declared as content, as names and values; empty ones are left out.

    Args:
        content: JSON object of names to texts, as in core.items.
        words: Each value is cut after so many.

    >>> declared('{"original_language": "en", "tagline": " "}', 40)
    [('original language', 'en')]
    """
    pairs = ((neutral(name.replace("_", " ")), value) for name, value in columns(content, words).items())
    return [(name, value) for name, value in pairs if value]


def columns(content: str | None, words: int) -> dict[str, str]:
    """The same by the columns' own names, empty ones too.

    >>> columns('{"original_language": "en", "budget": null}', 40)
    {'original_language': 'en'}
    """
    values = json.loads(content) if content else {}
    return {name: shortened(str(value), words) for name, value in values.items() if value is not None}


def described(description: str | None, content: str | None, words: int) -> list[str]:
    """What an item has beyond title, year and categories: declared columns, then the description.

    >>> described("A doll is jealous.", '{"director": "John Lasseter"}', 40)
    ['director: John Lasseter', 'A doll is jealous']
    """
    parts = [f"{name}: {value}" for name, value in declared(content, words)]
    about = shortened(description or "", words)
    return [part for part in (*parts, about if about.endswith("...") else about.rstrip(". ")) if part]


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
