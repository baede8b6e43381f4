"""The safety rules, one after the other: the first that a text breaks names why it is quarantined."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.corpus.acceptance import Rules, rules_hash
from tasks.corpus.safety.classifier import Classifier, FittedOnUse, encoded, load_classifier
from tasks.corpus.safety.patterns import has_link, personal_data
from tasks.corpus.safety.profanity import profane_words
from tasks.corpus.safety.prompt_injection import follows_order
from tasks.items.item import Item
from tasks.models.encoder import Encode
from tasks.run.fingerprint import fingerprint
from tasks.settings.corpus import Corpus, Safety

VERSION = 1  # of the pattern lists: a new value has every text checked again


@dataclass
class SafetyRules:
    """A safety check over texts; see `tasks.corpus.acceptance.SafetyCheck`."""

    settings: Safety
    encode: Encode
    classifier: Classifier | FittedOnUse

    @property
    def version(self) -> str:
        """Hash of all that decides."""
        return fingerprint(VERSION, self.settings.model_dump(), self.classifier.version)

    def __call__(self, texts: Sequence[str], items: Sequence[Item]) -> list[str | None]:
        """`rule: detail` of the first rule that each text breaks; None where it breaks none."""
        profane = profane_words(texts, self.settings.languages)
        found = [
            self.by_form(text, item, word) for text, item, word in zip(texts, items, profane, strict=True)
        ]
        rest = [place for place, rule in enumerate(found) if rule is None]
        if rest:
            chances = self.classifier(self.encode([texts[place] for place in rest]))
            for place, chance in zip(rest, chances, strict=True):
                if chance >= self.classifier.threshold:
                    found[place] = f"classifier: hateful, sexual or violent, probability {chance:.2f}"
        return found

    @staticmethod
    def by_form(text: str, item: Item, profane: str | None) -> str | None:
        """The first rule that a text breaks by its form: orders, personal data, links, its profane word."""
        if follows_order(text, item):
            return "prompt injection: it gives or follows an order"
        if kind := personal_data(text):
            return f"personal data: {kind}"
        if has_link(text):
            return "link: the address of a page"
        return f"profanity: {profane}" if profane else None


def load_safety(corpus: Corpus, folder: Path) -> SafetyRules:
    """Return the safety rules by the settings, for the languages of the angles too.

    The encoder is loaded when the first text is checked; `folder` keeps made models.
    """
    others = set(corpus.languages.values()) - set(corpus.safety.languages)
    languages = (*corpus.safety.languages, *sorted(others))
    safety = corpus.safety.model_copy(update={"languages": languages})
    return SafetyRules(safety, encoded, load_classifier(folder))


def load_rules(corpus: Corpus, folder: Path, blocked: Collection[str] = ()) -> Rules:
    """Return all that decides whether a text stands; `folder` keeps made models."""
    safety = load_safety(corpus, folder)
    return Rules(safety, rules_hash(corpus.quality, safety.version), blocked)
