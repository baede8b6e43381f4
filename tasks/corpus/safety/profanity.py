"""Profanity, by the word lists of the package badwords-py."""

from collections.abc import Sequence
from functools import cache

from badwords import Options, ProfanityFilter

# In the lists, but a subject as often as an insult: what a text says about them is left to the classifier.
_SUBJECTS = """
bastard bdsm bloody bondage booty damn damned erotic erotica erotism escort fetish gay goddamned hell
homosexual incest kinky lesbian lgbt lust nazi nude nudity orgy pervert porn porno pornography queer rape
raped raping rapist sadism sadist sex sexual sexuality sexually sexy slave striptease suicide swinger
threesome transsexual vampire virgin voyeur
"""


@cache
def _filter(languages: tuple[str, ...]) -> ProfanityFilter:
    found = ProfanityFilter()
    found.init(languages=list(languages))
    found.add_whitelist([*_SUBJECTS.split(), "booty call"])
    return found


def profane_words(texts: Sequence[str], languages: tuple[str, ...]) -> list[str | None]:
    """The first word of each text that is on the list of one of the languages (ISO 639-1); None without one.

    >>> profane_words(["A shitty film.", "A sh1t film.", "A film about sex and a bastard."], ("en",))
    ['shitty', 'sh1t', None]
    """
    options = Options(split_on_punctuation=True, leetspeak=True)
    found = _filter(languages).find_many(list(texts), options)
    return [matches[0].matched_text if matches else None for matches in found]
