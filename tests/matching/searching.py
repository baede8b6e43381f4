"""Exact search over texts that are laid out for one search only."""

from collections.abc import Iterator

import numpy as np
import torch
from scipy import sparse

from tasks.matching.blocked import ITEM_BLOCK, USER_BLOCK, BlockedTexts
from tasks.matching.top import TopItems


def top_items_by_text(
    users: np.ndarray,
    texts: np.ndarray,
    m: int,
    hidden: sparse.csr_matrix | None = None,
    allowed: np.ndarray | None = None,
    user_block: int = USER_BLOCK,
    item_block: int = ITEM_BLOCK,
    workers: int | None = None,
    number_format: torch.dtype | None = None,
) -> Iterator[TopItems]:
    """Yield the top m items of every user, block by block."""
    laid_out = BlockedTexts(texts, users, m, item_block, number_format)
    return laid_out.blocks(users, m, hidden, allowed, user_block, workers)
