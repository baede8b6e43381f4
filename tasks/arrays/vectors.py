"""Small things that every stage does with embedding vectors."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tasks.arrays.types import Vectors

Real = TypeVar("Real", bound=np.floating)


def unit(vectors: NDArray[Real]) -> NDArray[Real]:
    """Scale vectors (..., D) to length 1; zero vectors stay zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-6)


def centred(vectors: Vectors) -> Vectors:
    """Subtract from vectors (..., D) the mean of those that are not zero, scale to length 1; zeros stay.

    Sentence vectors share a large common part. Without it, cosine says what sets texts apart.
    """
    present = np.any(vectors != 0, axis=-1)
    if not present.any():
        return np.zeros_like(vectors)
    mean = vectors[present].mean(axis=0, dtype=np.float64).astype(np.float32)
    return unit(np.where(present[..., None], vectors - mean, np.float32(0)))
