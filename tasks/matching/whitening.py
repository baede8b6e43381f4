"""Taking out of vectors what all of them share: their mean, and in part the directions along which most vary.

Su et al., "Whitening Sentence Representations for Better Semantics and Faster Retrieval", arXiv 2103.15316,
2021; the shrinkage towards equal variances is that of Ledoit & Wolf, "A well-conditioned estimator for
large-dimensional covariance matrices", Journal of Multivariate Analysis 88, 2004, with a given weight.
"""

import numpy as np

from tasks.arrays.vectors import centred, unit
from tasks.matching.contract import FloatArray, TrainingData


def whitening_matrix(vectors: FloatArray, whitening: float) -> FloatArray | None:
    """Find the map (D, D) that evens out the variance of centred vectors (..., D); None where there is none.

    With C the covariance of the vectors that are not zero, v its mean variance and w the whitening, from 0 to
    below 1, the map is (w C / v + (1 - w) I)^-1/2, symmetric: at 0 it is the identity, near 1 all directions
    vary alike. Vectors that live in the same centred space, such as interests, go through it as well.
    """
    flat = vectors.reshape(-1, vectors.shape[-1])
    present = flat[np.any(flat != 0, axis=1)].astype(np.float64)
    if whitening == 0 or not len(present):
        return None
    values, directions = np.linalg.eigh(present.T @ present / len(present))
    variance = np.maximum(values, 0) / values.mean()
    scale = 1 / np.sqrt(whitening * variance + (1 - whitening))
    return ((directions * scale) @ directions.T).astype(np.float32)


def mapped(vectors: FloatArray, matrix: FloatArray | None) -> FloatArray:
    """Send vectors (..., D) through a matrix and scale them to length 1; zero vectors stay zero."""
    return vectors if matrix is None else unit(vectors @ matrix)


def whitened(vectors: FloatArray, whitening: float) -> FloatArray:
    """Centre vectors (..., D), even out their variance and scale them to length 1; zero vectors stay zero."""
    directions = centred(vectors)
    return mapped(directions, whitening_matrix(directions, whitening))


def content_vectors(data: TrainingData, text_share: float, whitening: float = 0.0) -> FloatArray:
    """(N, 2 D) float32 of unit length: an item's own vector beside the mean of its texts, both whitened.

    A cosine of two such vectors is (1 - text_share) times that of the items' own vectors plus text_share
    times that of their mean texts; where an item lacks one of them, the other counts alone, and one that has
    neither is zero.
    """
    own = whitened(data.item_vectors, whitening)  # (N, D)
    texts = whitened(centred(data.text_vectors).sum(axis=1), whitening)
    weights = np.sqrt(np.array([1 - text_share, text_share], dtype=np.float32))
    return unit(np.concatenate([weights[0] * own, weights[1] * texts], axis=1))
