"""Small random candidates that every test of fusion can use."""

import numpy as np
from scipy.sparse import csr_array

from tasks.fusion.candidates import Candidates
from tasks.fusion.rerank import ItemSimilarity

MATCHERS: tuple[str, ...] = ("cosine_max", "ease", "popularity")
USERS, ITEMS, WIDTH, DIMENSIONS = 40, 60, 25, 8
USER_IDS = [f"u{user:02d}" for user in range(USERS)]
ITEM_IDS = [f"i{item:02d}" for item in range(ITEMS)]


def random_vectors(seed: int = 0) -> np.ndarray:
    """(N, D) unit vectors."""
    vectors = np.random.default_rng(seed).normal(size=(ITEMS, DIMENSIONS)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def random_candidates(seed: int = 0) -> Candidates:
    """Candidates of 3 to WIDTH items a user."""
    generator = np.random.default_rng(seed)
    items = np.full((USERS, WIDTH), -1, dtype=np.int32)
    for user, count in enumerate(generator.integers(3, WIDTH + 1, USERS)):
        items[user, :count] = np.sort(generator.choice(ITEMS, count, replace=False))
    scores = generator.normal(size=(USERS, WIDTH, len(MATCHERS))).astype(np.float32)
    return Candidates(np.arange(USERS), items, np.where(items[:, :, None] >= 0, scores, 0), MATCHERS)


def random_relevance(seed: int = 0) -> csr_array:
    """(U, N) bool; some users have nothing."""
    generator = np.random.default_rng(seed)
    density = generator.choice([0.0, 0.1, 0.2], USERS)[:, None]
    return csr_array(generator.random((USERS, ITEMS)) < density)


def random_categories(seed: int = 0) -> np.ndarray:
    """(N, C) bool."""
    return np.random.default_rng(seed).random((ITEMS, 5)) < 0.4


def similarity(seed: int = 0) -> ItemSimilarity:
    """Of the random vectors."""
    return ItemSimilarity(random_vectors(seed))
