"""Text as words that can be looked up: whatever the script, the case and the accents."""

import re
import unicodedata

# Scripts that put no spaces between words: Thai, Lao, Khmer, kana, Han. Pairs of letters stand for them.
UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
WORD = re.compile(rf"[{UNSPACED}]+|[^\W_{UNSPACED}]+")
PAIRED = re.compile(rf"[{UNSPACED}]{{2,}}")


def words_of(text: str) -> list[str]:
    """Words in lower case, without accents, in their order.

    >>> words_of("Amélie's WORLD, 2001"), words_of("\u6771\u4eac\u7269\u8a9e")
    (['amelie', 's', 'world', '2001'], ['\u6771\u4eac', '\u4eac\u7269', '\u7269\u8a9e'])
    """
    letters = unicodedata.normalize("NFKD", text.casefold())
    plain = unicodedata.normalize("NFC", "".join(one for one in letters if not _is_accent(one)))
    return [word for run in WORD.findall(plain) for word in _cut(run)]


def _is_accent(letter: str) -> bool:
    """Whether a letter is a mark of European scripts: in others, marks are vowels."""
    return "\u0300" <= letter <= "\u036f"


def _cut(run: str) -> list[str]:
    """A word as it is; a run of letters without spaces as its pairs."""
    return [run[at : at + 2] for at in range(len(run) - 1)] if PAIRED.fullmatch(run) else [run]
