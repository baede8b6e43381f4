"""Whether a text may stand: safety first, then quality."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from tasks.corpus.faithfulness import faithfulness
from tasks.corpus.quality import is_refusal, repetition, words_of
from tasks.items.item import Item
from tasks.run.fingerprint import fingerprint
from tasks.settings.corpus import Quality

# Texts and their items to the safety rule that each breaks, or None.
SafetyCheck = Callable[[Sequence[str], Sequence[Item]], list[str | None]]


class Rules(NamedTuple):
    """What decides whether a text may stand."""

    safety: SafetyCheck
    digest: str  # from `rules_hash`
    blocked: Collection[str] = ()  # ids of texts that an operator blocked


def rules_hash(quality: Quality, safety_version: str) -> str:
    """Hash of all that a verdict depends on beside the text and its item."""
    return fingerprint(quality.model_dump(), safety_version)


class Draft(NamedTuple):
    """A text as it was just written."""

    text: str
    whole_sentence: bool
    opening: str
    item: Item
    language: str = "en"
    quoted: Item | None = None  # the item with all else that the prompt quoted, where that was more


class Verdict(NamedTuple):
    """What is wrong with a text, as `kind: detail`; nothing when both are None."""

    fault: str | None = None  # a threshold of [corpus.quality] that it misses
    unsafe: str | None = None  # the safety rule that it breaks

    @property
    def good(self) -> bool:
        """Whether the text may stand."""
        return self.fault is None and self.unsafe is None


def fault_of(draft: Draft, quality: Quality) -> str | None:
    """The first threshold that a text misses; None when it misses none.

    >>> item = Item("Heat", 1995, ["Crime"])
    >>> fault_of(Draft("A story about Los Angeles.", True, "A story about", item), Quality())
    'faithfulness: not in the item data: Los, Angeles'
    """
    text = draft.text
    if not draft.whole_sentence:
        return "cut: no end of a sentence"
    words = len(words_of(text))
    if not quality.min_words <= words <= quality.max_words:
        return f"length: {words} words, not {quality.min_words} to {quality.max_words}"
    if is_refusal(text):
        return "refusal: it speaks of its writer"
    if (repeated := repetition(text)) > quality.max_repetition:
        return f"repetition: {repeated:.2f} of its pairs of words are said again"
    found = faithfulness(text, draft.item, draft.opening, draft.language)
    if found.share < quality.min_faithfulness:
        return f"faithfulness: not in the item data: {', '.join(found.unfounded)}"
    return None


def verdicts(drafts: Sequence[Draft], quality: Quality, safety: SafetyCheck) -> list[Verdict]:
    """A verdict for each text. What breaks a safety rule is called unsafe, however well it is written."""
    unsafe = safety([draft.text for draft in drafts], [draft.quoted or draft.item for draft in drafts])
    return [
        Verdict(None if rule else fault_of(draft, quality), rule)
        for draft, rule in zip(drafts, unsafe, strict=True)
    ]
