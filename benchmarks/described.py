"""A fit window whose items are described in another way."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tasks.arrays.vectors import centred
from tasks.embedding.interests import Histories, interest_vectors
from tasks.matching.contract import TrainingData
from tasks.settings.embedding import Embedding


def described(
    data: TrainingData, items: NDArray[np.float32], texts: NDArray[np.float32], embedding: Embedding
) -> TrainingData:
    """The window with these vectors, and with interests made of them as the embedding stage makes them.

    Args:
        data: the window.
        items: (N, D) of unit length, of items' own content.
        texts: (N, K, D) of unit length.
        embedding: how interests are made.
    """
    histories = Histories(data.user, data.item, data.time, data.value, data.n_users)
    how = embedding.interests, embedding.half_life_items, data.seed
    interests, _ = interest_vectors(centred(items), histories, *how)
    return replace(data, text_vectors=texts, item_vectors=items, interests=interests)
