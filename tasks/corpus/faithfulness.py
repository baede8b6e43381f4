"""Whether a text claims more than the item's data say.

A small model likes to name directors, places and years. What can be checked without a second model is whether
each name and number of a text is among the item's data.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from tasks.corpus.quality import WORD
from tasks.items.item import Item
from tasks.settings.angles import CAPITAL_NOUNS

_SENTENCE_START = re.compile(r"(?:^|(?<!\b[A-Z])[.!?…]|[:;]|\n)[\s\"'“‘«(*]*$")
_DECADE = re.compile(r"(?:(\d\d)?(\d)0)s")
# Words of titles and headings that name nothing, whatever their case.
_SMALL_WORDS = """
a an and as at but by for from he her his i in into is it its my no nor not of on or our she so than that
the their they this to up we who with you your
"""
_SMALL = frozenset(_SMALL_WORDS.split())


class Faithfulness(NamedTuple):
    """How many names and numbers a text holds, and which of them the item's data lack."""

    claims: int
    unfounded: tuple[str, ...]

    @property
    def share(self) -> float:
        """Share of the claims that were found: 1 where nothing is claimed."""
        return 1.0 - len(self.unfounded) / self.claims if self.claims else 1.0


def faithfulness(text: str, item: Item, opening: str = "", language: str = "en") -> Faithfulness:
    """Look up a text's names and numbers in the item's data; the metric is `share`.

    A name is a word with a capital that begins no sentence; a number is a word that begins with a digit. A
    plural and a possessive count as the word itself, and "1990s" is known of an item from 1995. Words of the
    opening, which the prompt gave, claim nothing new. In German all nouns have a capital, so numbers
    alone are looked up.

    >>> item = Item("Toy Story", 1995, [])
    >>> found = faithfulness("A story about Woody, a film of the 1990s by J.J. Abrams.", item)
    >>> found.claims, found.unfounded, round(found.share, 2)
    (5, ('Woody', 'J', 'J', 'Abrams'), 0.2)
    """
    known = _stems((*item.fields(), opening))
    decades = {item.year // 10 * 10} if item.year is not None else set()
    claims, unfounded = 0, []
    for match in WORD.finditer(text):
        begins = bool(_SENTENCE_START.search(text[: match.start()]))
        for place, word in enumerate(_parts(match.group())):
            named = word[:1].isupper() and not (begins and place == 0) and word.lower() not in _SMALL
            named = named and language not in CAPITAL_NOUNS
            if not (named or word[:1].isdigit()):
                continue
            claims += 1
            if _stem(word) not in known and not _is_decade(word, decades):
                unfounded.append(word)
    return Faithfulness(claims, tuple(unfounded))


@lru_cache(maxsize=64)
def _stems(fields: tuple[str, ...]) -> frozenset[str]:
    """The names that an item's data hold; its texts are checked one after the other."""
    return frozenset(_stem(word) for field in fields for word in _parts(field))


def _parts(text: str) -> list[str]:
    """Words cut at hyphens too, without what an apostrophe adds.

    >>> _parts("Spielberg's London-based 19-year-old, I'm told")
    ['Spielberg', 'London', 'based', '19', 'year', 'old', 'I', 'told']
    """
    return [re.split("['’]", part)[0] for word in WORD.findall(text) for part in word.split("-")]


def _stem(word: str) -> str:
    """A word without case, accents and the s of a plural: what counts as the same name.

    >>> _stem("Misérables"), _stem("US")
    ('miserable', 'us')
    """
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", word.casefold())
        if not unicodedata.combining(letter)
    )
    return plain[:-1] if len(plain) > 3 and plain.endswith("s") else plain


def _is_decade(word: str, decades: set[int]) -> bool:
    """Whether a word is one of the decades: "1990s" or "90s".

    >>> _is_decade("90s", {1990}), _is_decade("1980s", {1990})
    (True, False)
    """
    match = _DECADE.fullmatch(word)
    return bool(match) and any(
        str(decade)[2] == match[2] and match[1] in (None, str(decade)[:2]) for decade in decades
    )
