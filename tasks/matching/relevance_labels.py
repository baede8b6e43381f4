"""What the student learns from: the language model's log-probabilities as relevance labels."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.settings.matching import Matching
from warehouse.columns import ITEM, TEXT_ID, TRAIN, USER
from warehouse.connection import Warehouse

STUDENT = "relevance_student"


def read_relevance(warehouse: Warehouse, matching: Matching) -> pl.DataFrame | None:
    """Read user_id, item_id, text_id, context and relevance; None where no student is to learn from them.

    They are of fit `train`, whatever is fitted: each says what the language model was told.
    """
    if STUDENT not in matching.matchers:
        return None
    return with_relevance(warehouse.query("relevance", fit=TRAIN), matching.relevance.per_token).select(
        USER, ITEM, TEXT_ID, "context", "relevance"
    )


def with_relevance(rows: pl.DataFrame, per_token: bool) -> pl.DataFrame:
    """Add to rows of features.relevance the relevance of their texts, in nats, or in nats a token."""
    columns = (rows[name].to_numpy() for name in ("log_prob_with", "log_prob_without", "n_tokens"))
    return rows.with_columns(pl.Series("relevance", relevance(*columns, per_token=per_token)))


def relevance(
    with_user: NDArray[np.float64],
    without: NDArray[np.float64],
    n_tokens: NDArray[np.int64],
    *,
    per_token: bool,
) -> NDArray[np.float64]:
    """Return log p(text | user) - log p(text) of T texts, in nats, or in nats a token.

    >>> relevance(np.array([-8.0]), np.array([-10.0]), np.array([4]), per_token=True)
    array([0.5])
    """
    difference = with_user - without
    return difference / np.maximum(n_tokens, 1) if per_token else difference
