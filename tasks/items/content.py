"""Delivered text, made safe for models to read."""

import re
import unicodedata
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
