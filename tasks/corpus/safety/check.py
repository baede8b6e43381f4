"""The safety rules, one after the other: the first that a text breaks names why it is quarantined."""

from collections.abc import Sequence

from tasks.corpus.faithfulness import ItemData
from tasks.corpus.safety.patterns import has_link, personal_data
from tasks.corpus.safety.planted import follows_order
from tasks.corpus.safety.profanity import profane_words
from tasks.fingerprint import fingerprint
from tasks.settings import Safety

VERSION = 1  # of the pattern lists: a new value has every text judged again


class SafetyRules:
    """A safety check over texts; see `tasks.corpus.judging.SafetyCheck`.

    Args:
        settings: which lists are used.
    """

    def __init__(self, settings: Safety) -> None:
        self._settings = settings

    @property
    def version(self) -> str:
        """Hash of all that decides."""
        return fingerprint(VERSION, self._settings.model_dump())

    def __call__(self, texts: Sequence[str], items: Sequence[ItemData]) -> list[str | None]:
        """`rule: detail` of the first rule that each text breaks; None where it breaks none."""
        profane = profane_words(texts, self._settings.languages)
        return [
            self._by_form(text, item, word) for text, item, word in zip(texts, items, profane, strict=True)
        ]

    @staticmethod
    def _by_form(text: str, item: ItemData, profane: str | None) -> str | None:
        if follows_order(text, item):
            return "planted instruction: it gives or follows an order"
        if kind := personal_data(text):
            return f"personal data: {kind}"
        if has_link(text):
            return "link: the address of a page"
        return f"profanity: {profane}" if profane else None
