"""What a column's name speaks of, in whatever language, case and spelling it is written."""

import re
import unicodedata
from functools import cache

from tasks.ingest.drafting.lexicon import WORDS

ALIKE = str.maketrans({"ł": "l", "ø": "o", "ı": "i", "æ": "ae", "œ": "oe", "đ": "d"})
LETTERS_APART = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
EQUAL, PART, INSIDE = 1.0, 0.7, 0.6
SHORTEST = 4  # letters of a word that is found at an end of a longer one
SPACELESS = re.compile(r"[\u0900-\u0dff\u0e00-\u0fff\u1100-\u11ff\u3000-\u9fff\uac00-\ud7ff]")


def plain_name(name: str) -> str:
    """A column's name without accents, case and punctuation.

    >>> plain_name("Verfügbar"), plain_name("customer_ID")
    ('verfugbar', 'customerid')
    """
    letters = unicodedata.normalize("NFKD", name).casefold().translate(ALIKE)
    return "".join(letter for letter in letters if letter.isalnum())


def parts(name: str) -> list[str]:
    """The plain words of a name.

    >>> parts("parent_asin"), parts("userId"), parts("user_id:token")
    (['parent', 'asin'], ['user', 'id'], ['user', 'id', 'token'])
    """
    apart = LETTERS_APART.sub(" ", name)
    return [word for one in re.split(r"[\W_]+", apart) if (word := plain_name(one))]


@cache
def concepts(name: str) -> dict[str, float]:
    """What a name speaks of, and how plainly: 1 for a whole word, less for a part of one.

    >>> concepts("Kundennummer")
    {'user': 0.7, 'id': 0.7}
    >>> concepts("商品ID")["item"], concepts("商品ID")["id"]
    (0.6, 0.7)
    """
    whole, words = plain_name(name), parts(name)
    known = {word for terms in _plain_words().values() for word in terms}
    open_words = [word for word in words if word not in known]
    found: dict[str, float] = {}
    for concept, terms in _plain_words().items():
        plainness = max((_plainness(term, whole, words, open_words) for term in terms), default=0.0)
        if plainness:
            found[concept] = plainness
    return found


@cache
def _plain_words() -> dict[str, tuple[str, ...]]:
    return {concept: tuple(dict.fromkeys(map(plain_name, text.split()))) for concept, text in WORDS.items()}


def _plainness(term: str, whole: str, words: list[str], open_words: list[str]) -> float:
    """How plainly a term stands in a name; `open_words` are those that are no terms themselves."""
    if term == whole or term in words:
        return EQUAL
    if SPACELESS.search(term):
        return INSIDE if term in whole else 0.0
    if term == "id":
        return PART if any(word.endswith("id") or word.startswith("id") for word in open_words) else 0.0
    if len(term) < SHORTEST:
        return 0.0
    ends = any(word.startswith(term) or word.endswith(term) for word in open_words)
    return PART if ends else 0.0
