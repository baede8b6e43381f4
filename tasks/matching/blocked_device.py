"""The best items of every user over all texts on an accelerator: every product, in blocks.

An accelerator multiplies so fast that a bound to begin with (`tasks.matching.blocked`) does not pay. Products
are float32, and equal scores are ordered by code among what is kept; which of several items that tie for the
last place is kept is the device's choice. Tested with torch on a processor only, which runs the same code.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from tasks.matching.contract import FloatArray
from tasks.matching.top import TopItems

USER_BLOCK = 1024
ITEM_BLOCK = 8192


@torch.inference_mode()
def top_items_on_device(
    users: FloatArray,
    texts: FloatArray,
    m: int,
    device: str,
    hidden: sparse.csr_matrix | None = None,
    allowed: NDArray[np.bool_] | None = None,
    user_block: int = USER_BLOCK,
    item_block: int = ITEM_BLOCK,
) -> Iterator[TopItems]:
    """Yield the top m items of every user, block by block: the maximum over interests and texts.

    Users (U, D) or (U, I, D), texts (N, K, D), `hidden` (U, N) and `allowed` (N,) are as in `BlockedTexts`;
    the device is called as torch does, such as "cuda". Products of one block of users with one of items live
    at once.
    """
    users = users[:, None] if users.ndim == 2 else users
    for start in range(0, len(users), user_block):
        block = torch.from_numpy(np.ascontiguousarray(users[start : start + user_block])).to(device)
        wanted = (block != 0).any(dim=2)  # (B, I)
        best = torch.zeros((len(block), 0), device=device)
        codes = torch.zeros((len(block), 0), dtype=torch.int64, device=device)
        for at in range(0, len(texts), item_block):
            part = torch.from_numpy(np.ascontiguousarray(texts[at : at + item_block])).to(device)
            there = (part != 0).any(dim=2)  # (n, K)
            products = torch.einsum("bid,nkd->bink", block, part)  # (B, I, n, K)
            products = products.masked_fill(~wanted[:, :, None, None], -torch.inf).amax(dim=1)
            scores = products.masked_fill(~there, -torch.inf).amax(dim=2)  # (B, n)
            scores = scores.masked_fill(scores == -torch.inf, 0)
            unwanted = np.zeros(scores.shape, dtype=bool)
            if allowed is not None:
                unwanted |= ~allowed[at : at + item_block]
            if hidden is not None:
                unwanted[hidden[start : start + user_block, at : at + item_block].nonzero()] = True
            scores = scores.masked_fill(torch.from_numpy(unwanted).to(device), -torch.inf)
            code = torch.arange(at, at + len(part), device=device).expand_as(scores)
            best, codes = torch.cat((best, scores), dim=1), torch.cat((codes, code), dim=1)
            kept = best.topk(min(m, best.shape[1]), dim=1).indices
            best, codes = best.gather(1, kept), codes.gather(1, kept)
        yield _ordered(start, m, best.cpu().numpy(), codes.cpu().numpy())


def _ordered(start: int, m: int, best: FloatArray, codes: np.ndarray) -> TopItems:
    """Order what was kept by score, then code, and fill up to m."""
    order = np.lexsort((codes, -best), axis=1)
    scores = np.full((len(best), m), -np.inf, dtype=np.float32)
    items = np.full((len(best), m), -1)
    width = order.shape[1]
    for out, values in ((scores, best), (items, codes)):
        out[:, :width] = np.take_along_axis(values, order, axis=1)
    return TopItems(start, scores, np.where(scores > -np.inf, items, -1))
