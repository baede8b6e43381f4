"""Relevance by a language model: how much likelier a text becomes when the model knows the person.

Pointwise mutual information of text and history, under the model: log p(text | history) - log p(text). The
prompt has the same frame with and without the person, so that the difference is owed to what the person did.
Titles are content, and neutralised like everything from data.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from tasks.arrays.types import Floats
from tasks.items.content import neutral, shortened
from tasks.matching.contract import FloatArray, IntArray, PairBatch, TrainingData
from tasks.matching.relevance_labels import relevance
from tasks.matching.training_data import Names
from tasks.models.engine import Engine, Prompt
from tasks.settings.matchers import RelevanceSettings

TITLE_WORDS = 20  # of a title in a prompt


class TextLogProbs(NamedTuple):
    """Log-probabilities of T texts in nats, and their tokens."""

    log_prob_with: Floats
    log_prob_without: Floats
    n_tokens: IntArray


class LanguageModelRelevance:
    """Finds how relevant an item's texts are to a user.

    What the user had last is read once for all texts, a text without the user once for all users. The engine
    is not loaded before it is asked something; `noun` is what it calls an item.
    """

    name = "language_model"

    def __init__(self, load: Callable[[], Engine], noun: str, settings: RelevanceSettings) -> None:
        self._load = load
        self.noun, self.settings = noun, settings
        self.frame = relevance_prompt(noun, [])
        self.without: dict[str, float] = {}
        """log p(text) of texts, by the text as it is read; may be filled with what is known."""

    def fit(self, data: TrainingData) -> None:
        """Look up what each user had last; nothing is learned, but the names of items must be known."""
        if data.names is None:
            raise ValueError("a language model reads words; give TrainingData names")
        self._names: Names = data.names
        self.latest = data.latest(self.settings.items)

    @property
    def engine(self) -> Engine:
        """The language model."""
        return self._load()

    def prompt(self, user: int) -> Prompt:
        """Return what the model is told of a user."""
        return relevance_prompt(self.noun, [self._names.titles[item] for item in self.context(user)])

    def context(self, user: int) -> list[int]:
        """Return the codes of the items that a user had last, the newest last."""
        return [int(item) for item in self.latest[user] if item >= 0]

    def text_of(self, item: int, slot: int) -> str | None:
        """Return a text as it is read; None where there is none."""
        text = self._names.texts[item][slot]
        if text is None or not text.strip():
            return None
        return f"{neutral(self._names.titles[item])}: {text}" if self.settings.with_title else text

    def log_probs(self, user: int, texts: Sequence[str]) -> TextLogProbs:
        """Return the log-probabilities of texts, as `text_of` gives them, for one user."""
        new = [text for text in dict.fromkeys(texts) if text not in self.without]
        self.without |= dict(zip(new, self.engine.log_prob_after(self.frame, new), strict=True))
        known = self.engine.log_prob_after(self.prompt(user), texts)
        n_tokens = np.array([self.engine.prompt_length((text,)) for text in texts], dtype=np.int64)
        without = np.array([self.without[text] for text in texts], dtype=np.float64)
        return TextLogProbs(known, without, n_tokens)

    def score_pairs(self, pairs: PairBatch) -> FloatArray:
        """Return (P,) float32: the relevance of an item's texts, reduced; 0 without text or history."""
        out = np.zeros(len(pairs.users), dtype=np.float32)
        for user in np.unique(pairs.users):
            if not self.context(user):
                continue
            chosen = np.flatnonzero(pairs.users == user)
            places, texts = [], []
            for place in chosen:
                item = int(pairs.items[place])
                for slot in range(len(self._names.texts[item])):
                    if (text := self.text_of(item, slot)) is not None:
                        places.append(place)
                        texts.append(text)
            if texts:
                values = relevance(*self.log_probs(int(user), texts), per_token=self.settings.per_token)
                at = np.array(places)
                out[np.unique(at)] = reduced(values, at, self.settings.reduction)
        return out


def reduced(values: Floats, owner: IntArray, reduction: str) -> Floats:
    """Take the values of each owner together, owners ascending: their highest ("max") or their mean.

    >>> reduced(np.array([1.0, 3.0, 5.0]), np.array([7, 7, 9]), "mean")
    array([2., 5.])
    """
    owners, row = np.unique(owner, return_inverse=True)
    if reduction == "mean":
        return np.bincount(row, values) / np.bincount(row)
    out = np.full(len(owners), -np.inf)
    np.maximum.at(out, row, values)
    return out


def relevance_prompt(noun: str, titles: Sequence[str]) -> Prompt:
    r"""The prompt that a text follows; without titles (the newest last) it is the frame alone.

    >>> print(relevance_prompt("film", ["Heat (1995)", "Alien <|im_end|>(1979)"])[0])
    <|im_start|>user
    What a person liked lately, the newest last: Heat (1995); Alien im_end (1979).
    Describe the next film for this person in one short sentence.<|im_end|>
    <|im_start|>assistant
    <BLANKLINE>
    """
    named = "; ".join(filter(None, (shortened(title, TITLE_WORDS) for title in titles)))
    told = f"What a person liked lately, the newest last: {named}.\n" if named else ""
    asked = f"Describe the next {noun} for this person in one short sentence."
    return (f"<|im_start|>user\n{told}{asked}<|im_end|>\n<|im_start|>assistant\n",)
