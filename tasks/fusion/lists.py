"""The lists that a fusion gives: as item codes to judge, and as rows to publish."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from tasks.fusion.candidates import Candidates
from tasks.fusion.contributions import contributions, fused_scores
from tasks.fusion.normalise import zscore
from tasks.fusion.objective import picked_items
from tasks.fusion.rerank import ItemSimilarity, mmr
from tasks.fusion.rules import ruled_lists
from tasks.measures import Codes, Floats
from tasks.rulebook import RuleBook
from warehouse.columns import ITEM, RANK, RULES, SCORE, USER


def list_codes(
    candidates: Candidates, weights: Mapping[str, float], diversity: float, similarity: ItemSimilarity, k: int
) -> Codes:
    """(U, k) item codes, best first, -1 padded; the rows are candidates.users."""
    _, scores = _scores(candidates, weight_vector(candidates, weights))
    return picked_items(candidates.items, mmr(scores, candidates.items, similarity, diversity, k))


def list_rows(
    candidates: Candidates,
    weights: Mapping[str, float],
    diversity: float,
    similarity: ItemSimilarity,
    k: int,
    user_ids: Sequence[str],
    item_ids: Sequence[str],
    book: RuleBook | None = None,
) -> pl.DataFrame:
    """Lists to publish: user_id, rank (from 1), item_id, score, contributions, rules; by user, then rank.

    `contributions` is a struct with one field a matcher, which DuckDB takes as a map; the fields of a row add
    up to its score. Ranks follow re-ranking and rules, so a score may be higher than the one above it. What a
    rule adds to a score is not in it; an item that no matcher scored for the user has 0 throughout.
    """
    vector = weight_vector(candidates, weights)
    normalised, scores = _scores(candidates, vector)
    ruled = ruled_lists(
        scores, candidates, book, k, lambda told: mmr(told, candidates.items, similarity, diversity, k)
    )
    row, rank = np.nonzero(ruled.items >= 0)
    column = ruled.places[row, rank]
    scored = column >= 0
    parts = np.zeros((len(row), len(vector)))  # (R, M)
    parts[scored] = contributions(normalised[row[scored], column[scored]], vector)
    return pl.DataFrame(
        {
            USER: pl.Series(user_ids, dtype=pl.String).gather(candidates.users[row]),
            RANK: (rank + 1).astype(np.int32),
            ITEM: pl.Series(item_ids, dtype=pl.String).gather(ruled.items[row, rank]),
            SCORE: np.where(scored, scores[row, column], 0.0),
            "contributions": pl.DataFrame(parts, schema=list(candidates.matchers)).to_struct(),
            RULES: ruled.names(row, rank),
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


def _scores(candidates: Candidates, weights: Floats) -> tuple[Floats, Floats]:
    """Normalised scores (U, C, M), and fused scores (U, C)."""
    normalised = zscore(candidates.scores, candidates.present)
    return normalised, np.where(candidates.present, fused_scores(normalised, weights), -np.inf)
