"""The rules that decide about texts, with everything they need loaded; each once a process."""

import json
from collections.abc import Collection, Sequence
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.corpus.safety.check import SafetyRules
from tasks.corpus.safety.classifier import DESCRIPTION, TEXTS, Classifier, fit, labelled
from tasks.corpus.standing import Rules, rules_hash
from tasks.models.encoder import Encoder, load_encoder
from tasks.models.whole_folder import whole_folder
from tasks.run.fingerprint import fingerprint
from tasks.settings.corpus import Corpus

KEPT = "safety-classifier"  # folder of fits, by the hash of all that they depend on


class _FittedOnUse:
    """The classifier of training.tsv: read or fitted when the first text is judged; a fit takes seconds."""

    def __init__(self, folder: Path) -> None:
        about = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
        self.threshold: float = about["threshold"]
        self.version: str = about["version"]
        self._how: tuple[float, float] = about["gamma"], about["ridge"]
        learned_from = TEXTS.read_text(encoding="utf-8"), about, Encoder.name
        self._kept = folder / KEPT / fingerprint(*learned_from)

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        return self._fitted(vectors)

    @cached_property
    def _fitted(self) -> Classifier:
        if not self._kept.exists():
            texts = labelled()
            fitted = fit(_encode(texts["text"].to_list()), texts["label"].to_numpy(), *self._how)
            with whole_folder(self._kept) as unfinished:
                fitted.save(unfinished)
        return Classifier.load(self._kept)


@cache
def load_classifier(folder: Path) -> _FittedOnUse:
    """Return the classifier of the project, one a process.

    Args:
        folder: where made models are kept: what was fitted is there for the next process.
    """
    return _FittedOnUse(folder)


def load_safety(corpus: Corpus, folder: Path) -> SafetyRules:
    """Return the safety rules by the settings. The encoder is loaded when the first text is judged.

    Args:
        corpus: lists; the languages of the angles count as named in them.
        folder: where made models are kept.
    """
    others = {angle.language for angle in corpus.angles} - set(corpus.safety.languages)
    languages = (*corpus.safety.languages, *sorted(others))
    safety = corpus.safety.model_copy(update={"languages": languages})
    return SafetyRules(safety, _encode, load_classifier(folder))


def load_rules(corpus: Corpus, folder: Path, blocked: Collection[str] = ()) -> Rules:
    """Return all that decides whether a text stands.

    Args:
        corpus: thresholds and lists.
        folder: where made models are kept.
        blocked: ids of texts that an operator blocked.
    """
    safety = load_safety(corpus, folder)
    return Rules(safety, rules_hash(corpus.quality, safety.version), blocked)


def _encode(texts: Sequence[str]) -> NDArray[np.float32]:
    return load_encoder().encode(texts)
