"""Small random candidates that every test of fusion can use."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.sparse import csr_array

from tasks.arrays.types import Positions
from tasks.fusion.candidates import Candidates
from tasks.fusion.model import FusionModel
from tasks.fusion.normalise import Normaliser
from tasks.fusion.rerank_head import ItemCategories, RerankContext, tastes
from tasks.fusion.similarity import ItemSimilarity
from tasks.fusion.user_features import FEATURES
from tasks.metrics.diversity import calibration, ild_embedding

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


def weighted(weights: Sequence[float] = (0.2, 0.5, 0.3), diversity: float = 0.0) -> FusionModel:
    """A weighted sum of z-scores."""
    return FusionModel("weighted", Normaliser("zscore"), dict(zip(MATCHERS, weights, strict=True)), diversity)


def random_features(seed: int = 0) -> np.ndarray:
    """(U, F) of all users."""
    return np.random.default_rng(seed).normal(size=(USERS, len(FEATURES)))


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


def matrix(rows: Sequence[Sequence[int]], n_items: int = ITEMS) -> csr_array:
    """(U, N) bool: each user's items."""
    users = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    items = np.array([item for row in rows for item in row], dtype=np.int64)
    return csr_array((np.ones(len(users), dtype=bool), (users, items)), shape=(len(rows), n_items))


def fused() -> tuple[np.ndarray, np.ndarray]:
    """Scores (U, C), -inf where there is no item, and items (U, C)."""
    candidates = random_candidates()
    scores = np.where(candidates.present, candidates.scores.sum(axis=2, dtype=np.float64), -np.inf)
    return scores, candidates.items


def relevance(scores: np.ndarray) -> np.ndarray:
    """What re-ranking makes of scores (H,): 0 to 1, steeper at the top."""
    scaled = (scores - scores.min()) / (scores.max() - scores.min())
    return (np.exp(4 * scaled) - 1) / (np.exp(4) - 1)


def context(
    reranker: str = "mmr",
    category_cap: int = 0,
    similarity: ItemSimilarity | None = None,
    categories: np.ndarray | None = None,
) -> RerankContext:
    """What re-ranking goes by: of the random vectors, categories and histories."""
    history = random_relevance()
    flags = random_categories() if categories is None else categories
    return RerankContext(
        ItemSimilarity(random_vectors()) if similarity is None else similarity,
        ItemCategories(flags),
        tastes(history[:, : len(flags)], flags),
        reranker,
        category_cap,
    )


def dial_toy(reranker: str) -> tuple[np.ndarray, np.ndarray, RerankContext, Callable[[Positions], float]]:
    """Users whose best items are much alike: scores, items, context, and what the dial is to change."""
    generator = np.random.default_rng(3)
    centres = generator.normal(size=(6, DIMENSIONS))
    group = np.repeat(np.arange(6), 20)
    vectors = (centres[group] + 0.4 * generator.normal(size=(120, DIMENSIONS))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    categories = group[:, None] == np.arange(6)
    taste = generator.dirichlet(np.ones(6), USERS)  # (U, 6)
    history = csr_array(generator.random((USERS, 120)) < taste[:, group])
    scores = 3 * taste[:, group] + 0.5 * generator.normal(size=(USERS, 120))
    items = np.tile(np.arange(120), (USERS, 1))
    given = RerankContext(
        ItemSimilarity(vectors), ItemCategories(categories), tastes(history, categories), reranker
    )

    def metric(places: Positions) -> float:
        if reranker == "calibrated":
            return float(np.nanmean(calibration(places, history, categories)))
        return float(ild_embedding(places, vectors).mean())

    return scores, items, given, metric
