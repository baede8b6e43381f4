"""The safety rules, one after the other: the first that a text breaks names why it is quarantined."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.corpus.safety.classifier import Judge
from tasks.corpus.safety.patterns import has_link, personal_data
from tasks.corpus.safety.profanity import profane_words
from tasks.corpus.safety.prompt_injection import follows_order
from tasks.items.item import Item
from tasks.run.fingerprint import fingerprint
from tasks.settings.corpus import Safety

VERSION = 1  # of the pattern lists: a new value has every text judged again


class SafetyRules:
    """A safety check over texts; see `tasks.corpus.acceptance.SafetyCheck`.

    Args:
        settings: which lists are used.
        encode: texts (T) to unit vectors (T, 384) float32, as `tasks.models.encoder.Encoder.encode`.
        classifier: hateful, sexual or violent, by such vectors.
    """

    def __init__(
        self,
        settings: Safety,
        encode: Callable[[Sequence[str]], NDArray[np.float32]],
        classifier: Judge,
    ) -> None:
        self._settings, self._encode, self._classifier = settings, encode, classifier

    @property
    def version(self) -> str:
        """Hash of all that decides."""
        return fingerprint(VERSION, self._settings.model_dump(), self._classifier.version)

    def __call__(self, texts: Sequence[str], items: Sequence[Item]) -> list[str | None]:
        """`rule: detail` of the first rule that each text breaks; None where it breaks none."""
        profane = profane_words(texts, self._settings.languages)
        found = [
            self.by_form(text, item, word) for text, item, word in zip(texts, items, profane, strict=True)
        ]
        rest = [place for place, rule in enumerate(found) if rule is None]
        if rest:
            chances = self._classifier(self._encode([texts[place] for place in rest]))
            for place, chance in zip(rest, chances, strict=True):
                if chance >= self._classifier.threshold:
                    found[place] = f"classifier: hateful, sexual or violent, probability {chance:.2f}"
        return found

    @staticmethod
    def by_form(text: str, item: Item, profane: str | None) -> str | None:
        """The first rule that a text breaks by its form: orders, personal data, links, profanity.

        Args:
            text: to judge.
            item: what it is about.
            profane: its first profane word, where there is one.
        """
        if follows_order(text, item):
            return "planted instruction: it gives or follows an order"
        if kind := personal_data(text):
            return f"personal data: {kind}"
        if has_link(text):
            return "link: the address of a page"
        return f"profanity: {profane}" if profane else None
