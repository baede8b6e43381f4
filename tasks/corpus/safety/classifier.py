"""Hateful, sexual or violent: kernel logistic regression on the encoder's vector of a text.

p(x) = 1 / (1 + exp(-(b + sum over i of a_i exp(-g |x - s_i|^2)))): s_i are the vectors of the training texts
(Zhu & Hastie 2005). A linear one tells a threat from a plot about threats less well (docs/experiments.md).
`python -m tasks.corpus.safety.training` makes the weights from training.tsv beside this file.
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
        support: (S, D) float32 of unit length.
        weights: (S,) float32, of each of them.
        bias: added.
        gamma: how fast nearness fades.
        threshold: from this probability on a text is held back.
        version: of the weights.
    """

    def __init__(
        self,
        support: NDArray[np.float32],
        weights: NDArray[np.float32],
        bias: float,
        gamma: float,
        threshold: float = 0.5,
        version: str = "",
    ) -> None:
        self._support, self._gamma = support, gamma
        self.weights, self.bias = weights, bias
        self.threshold, self.version = threshold, version

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return (T,) probabilities: out[i] is that of vectors[i] of (T, D) float32, of unit length."""
        near = kernel(vectors, self._support, self._gamma)  # (T, S)
        return 1.0 / (1.0 + np.exp(-(near @ self.weights.astype(np.float64) + self.bias)))


def kernel(left: NDArray[np.float32], right: NDArray[np.float32], gamma: float) -> NDArray[np.float64]:
    """(L, R) exp(-gamma |l - r|^2) of unit vectors (L, D) and (R, D)."""
    cosines = left.astype(np.float64) @ right.astype(np.float64).T
    return np.exp(-gamma * 2.0 * (1.0 - cosines))


@cache
def load_classifier() -> Classifier:
    """Return the classifier that ships with the project, read once a process."""
    about = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    tensors = load_file(WEIGHTS)
    return Classifier(
        tensors["support"].astype(np.float32),
        tensors["weights"],
        float(tensors["bias"][0]),
        about["gamma"],
        about["threshold"],
        about["version"],
    )
