"""The exact best items of every user over all texts, in memory that depends on blocks, not on users.

A user's score of an item is the largest product of an interest of the user with a text of the item.
For every block of users and every block of items, a cheap upper bound (`tasks.matching.bound`) is compared
with a bar; only texts above it are scored exactly, in float32. A block of items is every S-th item, so what a
share of them holds of the m best is binomial: the bar is a score that m items have, with near certainty.
Where that turns out wrong, the user is searched for once more, with nothing but what is certain.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import binom
from threadpoolctl import threadpool_limits

from tasks.matching.bound import COSTS, choose_bound, sample_of
from tasks.matching.contract import FloatArray, IntArray
from tasks.matching.prefilter import BlockProducts, Prefilter, fastest_format, multiply_alone
from tasks.matching.top import Best, TopItems, nothing_to_match, products_of

USER_BLOCK = 512
ITEM_BLOCK = 512
FIRST_ITEMS = 4096  # items that say where the bar is when a search begins
DOUBT = 1e-4  # how probable it may be that a bar is too high
PENDING = 1 << 18  # texts that may wait until they are scored
BLOCKS_A_WAVE = 2  # user blocks that a worker is given at once


class BlockedTexts:
    """Texts laid out for exact search.

    Args:
        texts: (N, K, D) float32, zeros where a text is missing; kept as it is, so it may be memory-mapped.
        queries: (Q, D) or (Q, I, D) float32: some of the users to come. They decide how texts are laid out,
            which changes how long a search takes and never what it finds.
        m: about how many items will be asked for.
        item_block: items whose products live at once.
        number_format: of the prefilter; the fastest that this processor has when None. It changes how long
            a search takes and never what it finds.
    """

    def __init__(
        self,
        texts: FloatArray,
        queries: FloatArray,
        m: int,
        item_block: int = ITEM_BLOCK,
        number_format: torch.dtype | None = None,
    ) -> None:
        if texts.ndim != 3 or 0 in texts.shape or min(m, item_block) < 1:
            raise ValueError(
                "texts must have shape (N, K, D) with nothing empty, and m and item_block be at least 1; "
                f"got {texts.shape}, {m} and {item_block}"
            )
        self._step = -(-len(texts) // item_block)  # block t is items t, t + step, t + 2 step, ...
        self._texts = np.ascontiguousarray(texts)  # a view when it lies so already
        self._scored = where_there(texts)  # (N, K)
        # An item without text has one all the same: zeros, which score 0.
        self._scored[~self._scored.any(axis=1), 0] = True
        number_format = number_format or fastest_format()
        self._bound = choose_bound(*sample_of(self._texts, queries), m, len(texts), COSTS[number_format])
        self._prefilter = Prefilter(self._texts, self._step, self._bound, number_format)

    @property
    def width(self) -> int:
        """How many coordinates of a text the prefilter multiplies."""
        return self._texts.shape[2] if self._bound.axes is None else self._bound.axes.shape[1]

    def blocks(
        self,
        users: FloatArray,
        m: int,
        hidden: sparse.csr_matrix | None = None,
        allowed: NDArray[np.bool_] | None = None,
        user_block: int = USER_BLOCK,
        workers: int | None = None,
    ) -> Iterator[TopItems]:
        """Yield the top m items of every user, block by block.

        Args:
            users: (U, D) or (U, I, D) float32, zeros where a user has fewer interests.
            m: how many.
            hidden: (U, N), an entry where an item must not be in a user's list.
            allowed: (N,) items that may be in any list; all of them when None.
            user_block: interests searched for at once by a worker.
            workers: threads; as many as there are processors when None.
        """
        if min(m, user_block) < 1:
            raise ValueError(f"m and user_block must be at least 1, got {m} and {user_block}")
        if users.ndim not in (2, 3) or users.shape[-1] != self._texts.shape[2]:
            raise ValueError(
                f"users must have {self._texts.shape[2]} dimensions, as texts have, got shape {users.shape}"
            )
        if hidden is not None and hidden.shape != (len(users), len(self._texts)):
            raise ValueError(f"hidden must be {(len(users), len(self._texts))}, got {hidden.shape}")
        size = user_block if users.ndim == 2 else max(1, user_block // users.shape[1])
        workers = workers or os.cpu_count() or 1

        def search(start: int) -> TopItems:
            rows = slice(start, start + size)
            block = users[rows] if users.ndim == 3 else users[rows, None]
            return self._search(start, block, m, None if hidden is None else hidden[rows], allowed)

        starts = range(0, len(users), size)
        wave = workers * BLOCKS_A_WAVE
        with ThreadPoolExecutor(workers, initializer=multiply_alone) as pool:
            for first in range(0, len(starts), wave):
                # Each worker multiplies alone. The limit is set for each wave anew, since it holds for the
                # whole process and must not reach whoever reads the blocks.
                with threadpool_limits(limits=1, user_api="blas"):
                    found = list(pool.map(search, starts[first : first + wave]))
                yield from found

    def _search(
        self,
        start: int,
        users: FloatArray,
        m: int,
        hidden: sparse.csr_matrix | None,
        allowed: NDArray[np.bool_] | None,
    ) -> TopItems:
        """Search for one block of users (B, I, D)."""
        present = (users != 0).any(axis=2)  # (B, I)
        active = np.flatnonzero(present.any(axis=1))
        best = Best(len(active), m)
        if len(active):
            queries, owner = users[present], np.repeat(np.arange(len(active)), present[active].sum(axis=1))
            own = None if hidden is None else hidden[active]
            self._scan(queries, owner, best, own, allowed)
            missed = best.missed()
            if len(missed):
                again, of_missed = Best(len(missed), m), np.isin(owner, missed)
                rows = np.searchsorted(missed, owner[of_missed])
                own = None if own is None else own[missed]
                self._scan(queries[of_missed], rows, again, own, allowed, estimating=False)
                best.take(missed, again)
        top = best.top(start)
        if len(active) == len(users):
            return top
        return nothing_to_match(top, active, len(users), len(self._texts), hidden, allowed)

    def _scan(
        self,
        queries: FloatArray,
        owner: IntArray,
        best: Best,
        hidden: sparse.csr_matrix | None,
        allowed: NDArray[np.bool_] | None,
        estimating: bool = True,
    ) -> None:
        """Compare queries (Q, D), the interests of users owner (Q,), with all texts.

        When estimating, the bar may come to stand higher than a user's list reaches: see `Best.missed`.
        """
        n_queries, (n_items, n_slots, _) = len(queries), self._texts.shape
        m = best.scores.shape[1]
        asked, lower = self._prefilter.asked(queries)
        masked = None if hidden is None else _by_block(hidden[owner], self._step)
        height = -(-n_items // self._step)
        n_first = min(self._step, max(1, FIRST_ITEMS // height)) if estimating else 0
        products = BlockProducts(self._prefilter, asked, max(n_first, 1), allowed, masked)
        flags = torch.empty((height, n_queries), dtype=torch.bool)
        first = [products.of(t) for t in range(n_first)]
        if first:
            place = likely_place(m, n_first / self._step)
            best.raise_bar(self._first_bar(first, queries, owner, place))
        pending, waiting, next_bar = [], 0, 1
        for t in range(self._step):
            out, most = first[t] if t < n_first else products.of(t)
            bar = self._prefilter.bar(best.bar[owner] - lower)  # (Q,)
            passed = torch.ge(most, bar, out=flags[: len(most)])
            at = torch.from_numpy(np.flatnonzero(passed.numpy()))
            place, query = np.divmod(at.numpy(), n_queries)
            item = place * self._step + t
            near = out.view(n_slots, -1)[:, at] >= bar[torch.from_numpy(query)]  # (K, P)
            slot, pair = np.nonzero(near.numpy() & self._scored[item].T)
            pending.append((item[pair] * n_slots + slot, query[pair]))
            waiting += len(pair)
            if waiting > PENDING or t + 1 in (next_bar, self._step):
                text, query = (np.concatenate(parts) for parts in zip(*pending, strict=True))
                best.add(owner[query], text, n_slots, products_of(self._texts, text, queries, query))
                pending, waiting, next_bar = [], 0, 2 * (t + 1)
                if estimating:
                    best.raise_bar(best.scores[:, likely_place(m, (t + 1) / self._step) - 1])

    def _first_bar(
        self,
        first: Sequence[tuple[torch.Tensor, torch.Tensor]],
        queries: FloatArray,
        owner: IntArray,
        place: int,
    ) -> FloatArray:
        """Return (B,) what the item at a place, from 1, among the first blocks scores at least for each user.

        `first` holds products (K, n, Q) of these blocks and their maximum (n, Q); `owner` (Q,) ascends.
        """
        n_slots, found = self._texts.shape[1], Best(owner[-1] + 1, place)
        bounds = torch.cat([most for _, most in first]).float().numpy()  # (n, Q)
        tried = min(len(bounds), place + place // 2 + 8)  # what looks best need not be
        chosen = np.argpartition(bounds.T, len(bounds) - tried, axis=1)[:, -tried:]  # (Q, tried)
        text, query = [], []
        ends = np.cumsum([0, *(len(most) for _, most in first)])
        for t, (products, _) in enumerate(first):
            row, column = np.nonzero((chosen >= ends[t]) & (chosen < ends[t + 1]))
            at = chosen[row, column] - ends[t]
            wanted = bounds[ends[t] + at, row] > -np.inf
            row, at = row[wanted], at[wanted]
            item = at * self._step + t
            near = products[:, torch.from_numpy(at), torch.from_numpy(row)].float().numpy()  # (K, P)
            slot = np.where(self._scored[item].T, near, -np.inf).argmax(axis=0)
            text.append(item * n_slots + slot)
            query.append(row)
        texts, rows = np.concatenate(text), np.concatenate(query)
        found.add(owner[rows], texts, n_slots, products_of(self._texts, texts, queries, rows))
        return found.scores[:, -1]


@lru_cache(maxsize=1024)
def likely_place(m: int, share: float) -> int:
    """The place among a share of all items, from 1, whose score m of all items reach but for a small doubt.

    Of the m - 1 best items as many are in a random share as a binomial says. m itself when the share is 1.

    >>> likely_place(100, 0.04), likely_place(100, 0.5), likely_place(100, 1)
    (14, 69, 100)
    """
    return int(binom.isf(DOUBT, m - 1, share)) + 1


def where_there(texts: FloatArray) -> NDArray[np.bool_]:
    """Return (N, K): where there is a text."""
    out = np.empty(texts.shape[:2], dtype=bool)
    for at in range(0, len(texts), ITEM_BLOCK):
        np.any(texts[at : at + ITEM_BLOCK] != 0, axis=2, out=out[at : at + ITEM_BLOCK])
    return out


def _by_block(hidden: sparse.csr_matrix, step: int) -> list[tuple[IntArray, IntArray]]:
    """Return, per block of items, the places in the block and the rows of what is hidden (Q, N)."""
    rows, items = hidden.nonzero()
    block = items % step
    order = np.argsort(block, kind="stable")
    ends = np.searchsorted(block[order], np.arange(step + 1))
    place, rows = items[order] // step, rows[order]
    return [(place[a:b], rows[a:b]) for a, b in pairwise(ends)]
