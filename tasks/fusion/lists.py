"""The lists that a fusion gives: as item codes to judge, and as rows to publish."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from tasks.fusion.candidates import Candidates
from tasks.fusion.contributions import contributions, fused_scores
from tasks.fusion.normalise import zscore
from tasks.fusion.objective import picked_items
from tasks.fusion.rerank import rerank
from tasks.fusion.rerank_head import RerankContext
from tasks.fusion.similarity import Positions
from tasks.measures import Codes, Floats
from warehouse.columns import ITEM, RANK, SCORE, USER


def list_codes(
    candidates: Candidates, weights: Mapping[str, float], diversity: float, context: RerankContext, k: int
) -> Codes:
    """(U, k) item codes, best first, -1 padded; the rows are candidates.users."""
    _, _, places = _lists(candidates, weight_vector(candidates, weights), diversity, context, k)
    return picked_items(candidates.items, places)


def list_rows(
    candidates: Candidates,
    weights: Mapping[str, float],
    diversity: float,
    context: RerankContext,
    k: int,
    user_ids: Sequence[str],
    item_ids: Sequence[str],
) -> pl.DataFrame:
    """Lists to publish: user_id, rank (from 1), item_id, score, contributions; sorted by user, then rank.

    `contributions` is a struct with one field a matcher, which DuckDB takes as a map; the fields of a row add
    up to its score. Ranks follow re-ranking, so a score may be higher than the one above it.
    """
    vector = weight_vector(candidates, weights)
    normalised, scores, places = _lists(candidates, vector, diversity, context, k)
    row, rank = np.nonzero(places >= 0)
    column = places[row, rank]
    parts = contributions(normalised[row, column], vector)  # (R, M)
    return pl.DataFrame(
        {
            USER: pl.Series(user_ids, dtype=pl.String).gather(candidates.users[row]),
            RANK: (rank + 1).astype(np.int32),
            ITEM: pl.Series(item_ids, dtype=pl.String).gather(candidates.items[row, column]),
            SCORE: scores[row, column],
            "contributions": pl.DataFrame(parts, schema=list(candidates.matchers)).to_struct(),
        }
    )


def weight_vector(candidates: Candidates, weights: Mapping[str, float]) -> Floats:
    """(M,) the weights in the order of the candidates' matchers.

    Raises:
        ValueError: a weight is missing, or is for a matcher that gave no scores.
    """
    if set(weights) != set(candidates.matchers):
        raise ValueError(
            f"weights are for {', '.join(sorted(weights))}, "
            f"scores are from {', '.join(sorted(candidates.matchers))}; "
            "take the scores of the fusion's own matchers, or tune again: polyrec run --stage fusion"
        )
    return np.array([weights[name] for name in candidates.matchers])


def _lists(
    candidates: Candidates, weights: Floats, diversity: float, context: RerankContext, k: int
) -> tuple[Floats, Floats, Positions]:
    """Normalised scores (U, C, M), fused scores (U, C), and the lists as positions (U, k)."""
    normalised = zscore(candidates.scores, candidates.present)
    scores = np.where(candidates.present, fused_scores(normalised, weights), -np.inf)
    of_users = context.of(candidates.users)
    return normalised, scores, rerank(scores, candidates.items, of_users, diversity, k)
