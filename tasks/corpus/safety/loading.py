"""The rules that decide about texts, with everything they need loaded; each once a process."""

import json
from collections.abc import Collection, Sequence
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from tasks.corpus.safety.check import SafetyRules
from tasks.corpus.safety.classifier import DESCRIPTION, Classifier, fit, labelled
from tasks.corpus.standing import Rules, rules_hash
from tasks.settings import Corpus


class _FittedOnUse:
    """The classifier of training.tsv: fitted when the first text is judged, which takes seconds."""

    def __init__(self) -> None:
        about = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
        self.threshold: float = about["threshold"]
        self.version: str = about["version"]
        self._how: tuple[float, float] = about["gamma"], about["ridge"]

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        return self._fitted(vectors)

    @cached_property
    def _fitted(self) -> Classifier:
        texts = labelled()
        return fit(_encode(texts["text"].to_list()), texts["label"].to_numpy(), *self._how)


@cache
def load_classifier() -> _FittedOnUse:
    """Return the classifier of the project, one a process."""
    return _FittedOnUse()


def load_safety(corpus: Corpus) -> SafetyRules:
    """Return the safety rules by the settings. The encoder is loaded when the first text is judged.

    The languages of the angles count as named in the settings.
    """
    others = {angle.language for angle in corpus.angles} - set(corpus.safety.languages)
    languages = (*corpus.safety.languages, *sorted(others))
    safety = corpus.safety.model_copy(update={"languages": languages})
    return SafetyRules(safety, _encode, load_classifier())


def load_rules(corpus: Corpus, blocked: Collection[str] = ()) -> Rules:
    """Return all that decides whether a text stands.

    Args:
        corpus: thresholds and lists.
        blocked: ids of texts that an operator blocked.
    """
    safety = load_safety(corpus)
    return Rules(safety, rules_hash(corpus.quality, safety.version), blocked)


def _encode(texts: Sequence[str]) -> NDArray[np.float32]:
    from tasks.models.encoder import load_encoder

    return load_encoder().encode(texts)
