"""Hateful, sexual or violent: logistic regression on the encoder's vector of a text.

`python -m tasks.corpus.safety.training` makes its weights from training.tsv beside this file.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

FOLDER = Path(__file__).parent
WEIGHTS = FOLDER / "classifier.safetensors"
DESCRIPTION = FOLDER / "classifier.json"


class Classifier:
    """Vectors to probabilities.

    Args:
        weights: (D,) float32.
        bias: added to their product with a vector.
        threshold: from this probability on a text is held back.
        version: of the weights.
    """

    def __init__(self, weights: NDArray[np.float32], bias: float, threshold: float, version: str) -> None:
        self._weights, self._bias = weights, bias
        self.threshold, self.version = threshold, version

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return (T,) probabilities: out[i] is that of vectors[i] of (T, D) float32."""
        logits = vectors.astype(np.float64) @ self._weights.astype(np.float64) + self._bias
        return 1.0 / (1.0 + np.exp(-logits))


@cache
def load_classifier() -> Classifier:
    """Return the classifier that ships with the project, read once a process."""
    about = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    tensors = load_file(WEIGHTS)
    return Classifier(tensors["weights"], float(tensors["bias"][0]), about["threshold"], about["version"])
