"""How good texts are, by themselves and beside one another: metrics that need no model.

A word is a run of letters and digits, inner apostrophes and hyphens included, in lower case.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
BLEU_ORDER = 4
# What a model says of itself and not of the item.
_REFUSAL = re.compile(
    r"\b(?:as an? (?:ai|artificial|language model|assistant)\b|language model\b"
    r"|i(?:['’]m| am) (?:sorry|afraid|unable|not (?:able|sure|ready|familiar|aware))\b"
    r"|i (?:can(?:not|['’]t| not)|could(?: not|n['’]t)|won['’]t|do(?: not|n['’]t) (?:know|have|understand))\b"
    r"|i apologi[sz]e\b|my apologies\b|please (?:provide|give|tell)\b|i need more\b"
    r"|how can i (?:help|assist)\b)",
    re.IGNORECASE,
)


def words_of(text: str) -> list[str]:
    """The words of a text.

    >>> words_of("A star-crossed lover's end, in 1995.")
    ['a', 'star-crossed', "lover's", 'end', 'in', '1995']
    """
    return [word.lower() for word in WORD.findall(text)]


def ngrams(words: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    """Every run of n words, in order."""
    return (tuple(words[at : at + n]) for at in range(len(words) - n + 1))


def distinct(texts: Sequence[str], n: int) -> float:
    """distinct-n (Li et al. 2016): different n-grams / n-grams, over all the texts together; 1 without any.

    >>> distinct(["A dark film.", "A dark tale."], 1)  # a, dark, film, tale of six words
    0.6666666666666666
    """
    found = Counter(gram for text in texts for gram in ngrams(words_of(text), n))
    return len(found) / found.total() if found else 1.0


def repetition(text: str) -> float:
    """Share of a text's pairs of neighbouring words that stood in it before: 1 - distinct-2 of it alone.

    >>> repetition("A film about a film about love.")  # two of six pairs come again
    0.33333333333333337
    """
    return 1.0 - distinct([text], 2)


def bleu(text: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """BLEU-4 (Papineni et al. 2002) of a text of words against references, from 0 to 1.

    exp(sum over n = 1..4 of log p_n / 4) * brevity. p_1 = clipped matches / words; for n > 1
    p_n = (clipped matches + 1) / (n-grams + 1), the smoothing of Lin & Och (2004): else a sentence that
    shares no four words with the others would count as sharing nothing. brevity = exp(1 - r / c) where the
    text's c words are fewer than the r of the reference nearest in length, else 1.

    >>> round(bleu(words_of("the cat sat"), [words_of("the cat ran")]), 4)  # (2/3 * 2/3 * 1/2 * 1)^(1/4)
    0.6866
    """
    if not text or not references:
        return 0.0
    total = 0.0
    for n in range(1, BLEU_ORDER + 1):
        own = Counter(ngrams(text, n))
        most: Counter[tuple[str, ...]] = Counter()
        for reference in references:
            most |= Counter(ngrams(reference, n))
        matches, added = (own & most).total(), n > 1
        if not matches + added:
            return 0.0
        total += math.log((matches + added) / (own.total() + added))
    nearest = min((abs(len(reference) - len(text)), len(reference)) for reference in references)[1]
    brevity = min(0.0, 1.0 - nearest / len(text))
    return math.exp(total / BLEU_ORDER + brevity)


def self_bleu(texts: Sequence[str]) -> list[float]:
    """BLEU of each text against the others (Zhu et al. 2018): 1 says it again, near 0 says something else.

    A text without others gets 0.

    >>> self_bleu(["A dark film.", "A dark film."])
    [1.0, 1.0]
    """
    words = [words_of(text) for text in texts]
    return [bleu(own, words[:at] + words[at + 1 :]) for at, own in enumerate(words)]


def is_refusal(text: str) -> bool:
    """Whether a text speaks of its writer's limits and not of the item.

    >>> is_refusal("The mood is dark, and I'm not sure of it."), is_refusal("A man who can't forget.")
    (True, False)
    """
    return bool(_REFUSAL.search(text))
