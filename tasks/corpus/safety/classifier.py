"""Hateful, sexual or violent: kernel logistic regression on the encoder's vector of a text.

p(x) = 1 / (1 + exp(-(b + sum over i of a_i exp(-g |x - s_i|^2)))): s_i are the vectors of the training texts
(Zhu & Hastie 2005). A linear one tells a threat from a plot about threats less well (docs/experiments.md).
No weights come with the code: they are fitted to training.tsv beside this file where they are first needed.
The kernel, the ridge and the threshold stand in classifier.json, which `python -m
tasks.corpus.safety.training` writes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from tasks.arrays.types import Floats, Vectors
from tasks.models.encoder import encoder_weights, load_encoder
from tasks.models.files import content_digest, prepared
from tasks.run.fingerprint import fingerprint

FOLDER = Path(__file__).parent
TEXTS = FOLDER / "training.tsv"
DESCRIPTION = FOLDER / "classifier.json"
MOST_STEPS = 50
KEPT = "safety-classifier"  # folder of fits, by the hash of all that they depend on
FITTED = 1  # counts the ways in which this module fits it
ARRAYS, NUMBERS = "model.safetensors", "model.json"  # of a fit that is kept

Labels = NDArray[np.int8]


@dataclass(frozen=True)
class Classifier:
    """Vectors to probabilities, by support vectors (S, D) of unit length and their weights (S,).

    From the probability `threshold` on a text is held back.
    """

    support: Vectors
    weights: Vectors
    bias: float
    gamma: float
    threshold: float = 0.5
    version: str = ""

    def __call__(self, vectors: Vectors) -> Floats:
        """Return (T,) probabilities: out[i] is that of vectors[i] of (T, D) float32, of unit length."""
        near = kernel(vectors, self.support, self.gamma)  # (T, S)
        return 1.0 / (1.0 + np.exp(-(near @ self.weights.astype(np.float64) + self.bias)))

    def save(self, folder: Path) -> None:
        """Write what was fitted."""
        save_file({"support": self.support, "weights": self.weights}, folder / ARRAYS)
        numbers = json.dumps({"bias": self.bias, "gamma": self.gamma}, indent=2)
        (folder / NUMBERS).write_text(f"{numbers}\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote: the same probabilities to the last bit."""
        return cls(**load_file(folder / ARRAYS), **json.loads((folder / NUMBERS).read_text(encoding="utf-8")))


def kernel(left: Vectors, right: Vectors, gamma: float) -> Floats:
    """(L, R) exp(-gamma |l - r|^2) of unit vectors (L, D) and (R, D)."""
    cosines = left.astype(np.float64) @ right.astype(np.float64).T
    return np.exp(-gamma * 2.0 * (1.0 - cosines))


def labelled(path: Path = TEXTS) -> pl.DataFrame:
    """Read label (1 harmful, 0 not), kind, text."""
    return pl.read_csv(path, separator="\t", quote_char=None, schema_overrides={"label": pl.Int8})


def fit(vectors: Vectors, labels: Labels, gamma: float, ridge: float) -> Classifier:
    """Minimise the mean logistic loss + ridge * a'Ka / 2 by Newton's method; both classes weigh alike.

    K is the kernel of the vectors (T, D) of unit length + 1: the bias is the sum of the weights. Labels (T,)
    are 0 or 1.
    """
    near = kernel(vectors, vectors, gamma) + 1.0  # (T, T)
    share = labels.mean()
    cost = np.where(labels == 1, 0.5 / share, 0.5 / (1.0 - share)) / len(labels)
    weights = np.zeros(len(labels))
    for _ in range(MOST_STEPS):
        reached = near @ weights
        chance = 1.0 / (1.0 + np.exp(-reached))
        curvature = cost * chance * (1.0 - chance)
        before = weights
        system = curvature[:, None] * near + ridge * np.eye(len(labels))
        weights = np.linalg.solve(system, curvature * reached - cost * (chance - labels))
        if np.abs(weights - before).max() < 1e-8 * np.abs(weights).max():
            break
    found = weights.astype(np.float32)
    return Classifier(vectors, found, float(np.float32(weights.sum())), gamma)


class FittedOnUse:
    """The classifier of training.tsv: read or fitted when the first text is checked; a fit takes seconds."""

    def __init__(self, folder: Path) -> None:
        about = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
        self.threshold: float = about["threshold"]
        self.version: str = about["version"]
        self._how: tuple[float, float] = about["gamma"], about["ridge"]
        self._learned_from = TEXTS.read_text(encoding="utf-8"), about, FITTED
        self._folder = folder / KEPT

    def __call__(self, vectors: Vectors) -> Floats:
        """Return (T,) probabilities; see `Classifier`."""
        return self._fitted(vectors)

    @cached_property
    def _fitted(self) -> Classifier:
        name = fingerprint(*self._learned_from, content_digest(encoder_weights()))
        return Classifier.load(prepared(self._folder / name, self._fit))

    def _fit(self, folder: Path) -> None:
        texts = labelled()
        fit(encoded(texts["text"].to_list()), texts["label"].to_numpy(), *self._how).save(folder)


@cache
def load_classifier(folder: Path) -> FittedOnUse:
    """Return the classifier of the project, one a process; the folder keeps its fit for the next one."""
    return FittedOnUse(folder)


def encoded(texts: Sequence[str]) -> Vectors:
    """Texts to vectors (T, 384) by the encoder, which is loaded when it is first needed."""
    return load_encoder().encode(texts)
