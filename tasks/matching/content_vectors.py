"""One vector an item, of its own content and of its texts: what matchers by content compare items by."""

import numpy as np

from tasks.arrays.vectors import centred, unit
from tasks.matching.contract import FloatArray, TrainingData
from tasks.matching.whitening import whitened


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
