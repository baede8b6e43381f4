"""The exact best items of every user over all texts, in memory that depends on blocks, not on users.

A user's score of an item is the maximum over the user's interests of the reduction over the item's texts.
For every block of users and every block of items, a cheap upper bound (`tasks.matching.bound`) is compared
with the user's m-th best score so far; only texts above it are scored exactly, in float32. A block of items is
every S-th item, so that the first one already shows what a good score is, however the catalogue is sorted.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from tasks.matching.bound import choose_bound, sample_of
from tasks.matching.contract import FloatArray, IntArray
from tasks.matching.top import Best, TopItems, nothing_to_match

BlockedReduction = Literal["max", "mean"]
USER_BLOCK = 256
ITEM_BLOCK = 512  # with 4 texts and 256 users: products of 2 MB, which stay in the cache
GATHERED = 2048  # texts whose vectors are copied at once
PENDING_PER_USER = 32  # texts that wait, a user, until they are scored and the bar is raised
BLOCKS_A_WAVE = 2  # user blocks that a worker is given at once


class BlockedTexts:
    """Texts laid out for exact search.

    Args:
        texts: (N, K, D) float32, zeros where a text is missing; kept as it is, so it may be memory-mapped.
        queries: (Q, D) or (Q, I, D) float32: some of the users to come. They decide how texts are laid out,
            which changes how long a search takes and never what it finds.
        m: about how many items will be asked for.
        reduction: "max" or "mean" over the texts that are there.
        item_block: items whose products live at once.
    """

    def __init__(
        self,
        texts: FloatArray,
        queries: FloatArray,
        m: int,
        reduction: BlockedReduction = "max",
        item_block: int = ITEM_BLOCK,
    ) -> None:
        if reduction not in get_args(BlockedReduction):
            raise ValueError(
                f"reduction must be one of {', '.join(get_args(BlockedReduction))}, got {reduction!r}"
            )
        if texts.ndim != 3 or 0 in texts.shape or min(m, item_block) < 1:
            raise ValueError(
                "texts must have shape (N, K, D) with nothing empty, and m and item_block be at least 1; "
                f"got {texts.shape}, {m} and {item_block}"
            )
        self._step = -(-len(texts) // item_block)  # block t is items t, t + step, t + 2 step, ...
        self._there = np.concatenate([np.any(part != 0, axis=2) for part in _parts(texts)])  # (N, K)
        self._names_slots = reduction == "max"
        if self._names_slots:
            self._texts = np.ascontiguousarray(texts)  # a view when it lies so already
        else:
            self._texts = _mean_texts(texts, self._there)  # (N, 1, D)
            self._there = self._there.any(axis=1, keepdims=True)
        # An item without text has one all the same: zeros, which score 0.
        self._scored = self._there.copy()
        self._scored[~self._there.any(axis=1), 0] = True
        self._bound = choose_bound(*sample_of(self._texts, queries), m, len(texts))
        squares = [np.einsum("nkd,nkd->nk", part, part).max() for part in _parts(self._texts)]
        self._longest = float(np.sqrt(max(squares)))
        self._short: list[FloatArray] = []  # a block of items each, (K, n, W + 1)
        if self._bound.axes is not None:
            for t in range(self._step):
                block = np.ascontiguousarray(self._texts[t :: self._step].swapaxes(0, 1))  # (K, n, D)
                self._short.append(self._bound.shortened(block))

    @property
    def width(self) -> int:
        """How many coordinates the first look at a text takes."""
        return self._texts.shape[2] if self._bound.axes is None else self._bound.axes.shape[1] + 1

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
        with ThreadPoolExecutor(workers) as pool:
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
        present = np.any(users != 0, axis=2)  # (B, I)
        active = np.flatnonzero(present.any(axis=1))
        best = Best(len(active), m)
        if len(active):
            queries, owner = users[present], np.repeat(np.arange(len(active)), present[active].sum(axis=1))
            self._scan(queries, owner, best, None if hidden is None else hidden[active], allowed)
        top = best.top(start)
        if self._names_slots:
            known = self._there[top.items, np.maximum(top.slots, 0)] & (top.items >= 0)
            top.slots[~known] = -1
        else:
            top.slots[:] = -1
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
    ) -> None:
        """Compare queries (Q, D), the interests of users owner (Q,), with all texts."""
        n_queries, (n_items, n_slots, _) = len(queries), self._texts.shape
        asked = np.ascontiguousarray(self._bound.shortened(queries).T)  # (W + 1, Q)
        margin = self._bound.margin * self._longest * np.linalg.norm(queries, axis=1)  # (Q,)
        masked = None if hidden is None else _by_block(hidden[owner], self._step)
        height = -(-n_items // self._step)
        products = np.empty((n_slots, height, n_queries), dtype=np.float32)
        bounds = np.empty((height, n_queries), dtype=np.float32)
        pending, waiting = [], 0
        for t in range(self._step):
            n = len(range(t, n_items, self._step))
            if n < height:  # the last blocks have an item less
                products, bounds, height = products.reshape(-1)[: n_slots * n * n_queries], bounds[:n], n
                products = products.reshape(n_slots, n, n_queries)
            self._multiply(t, asked, products)
            np.maximum(products[0], products[-1], out=bounds)
            for product in products[1:-1]:
                np.maximum(bounds, product, out=bounds)
            if allowed is not None:
                bounds[~allowed[t :: self._step]] = -np.inf
            if masked is not None:
                bounds[masked[t]] = -np.inf
            if t == 0:
                best.raise_bar(self._first_bar(products, bounds, queries, owner, best.scores.shape[1]))
            bar = best.bar[owner] - margin  # (Q,)
            near = np.flatnonzero(bounds >= bar)
            place, query = np.divmod(near, n_queries)
            item = place * self._step + t
            slot, pair = np.nonzero((products[:, place, query] >= bar[query]) & self._scored[item].T)
            pending.append((item[pair] * n_slots + slot, query[pair]))
            waiting += len(pair)
            if waiting > PENDING_PER_USER * len(best.bar) or t == self._step - 1:
                text, query = (np.concatenate(parts) for parts in zip(*pending, strict=True))
                best.add(owner[query], text, n_slots, self._exact(text, queries, query))
                pending, waiting = [], 0

    def _multiply(self, t: int, asked: FloatArray, out: FloatArray) -> None:
        """Fill out (K, n, Q) with the products, or their bounds, of a block of items."""
        if self._short:
            np.matmul(self._short[t], asked, out=out)
            return
        for slot, product in enumerate(out):
            np.matmul(self._texts[t :: self._step, slot], asked, out=product)

    def _first_bar(
        self, products: FloatArray, bounds: FloatArray, queries: FloatArray, owner: IntArray, m: int
    ) -> FloatArray:
        """Return (B,) what a user's m-th best item has at least, from the m of the first block that look best.

        Args:
            products: (K, n, Q) of the first block.
            bounds: (n, Q) their maximum over K, -inf for what may not be found.
            queries: (Q, D).
            owner: (Q,) the user of each, ascending.
            m: how many items are asked for.
        """
        lowest = np.finfo(np.float32).min
        n_slots, height, n_queries = products.shape
        if height < m:
            return np.full(owner[-1] + 1, lowest, dtype=np.float32)
        place = np.argpartition(-bounds, m - 1, axis=0)[:m]  # (m, Q)
        query = np.broadcast_to(np.arange(n_queries), place.shape)
        item = place * self._step
        slot = np.where(self._scored[item].transpose(2, 0, 1), products[:, place, query], -np.inf).argmax(
            axis=0
        )
        scores = self._exact((item * n_slots + slot).ravel(), queries, query.ravel()).reshape(place.shape)
        scores[np.isneginf(bounds[place, query])] = lowest
        return np.maximum.reduceat(scores.min(axis=0), np.searchsorted(owner, np.arange(owner[-1] + 1)))

    def _exact(self, text: IntArray, queries: FloatArray, query: IntArray) -> FloatArray:
        """Return (P,) float32: the products of texts with queries, whatever else is computed beside them."""
        flat = self._texts.reshape(-1, self._texts.shape[2])
        out = np.empty(len(text), dtype=np.float32)
        for at in range(0, len(text), GATHERED):
            part = slice(at, at + GATHERED)
            # Not BLAS: its sums depend on how many rows there are, and equal texts must score the same.
            np.einsum("pd,pd->p", flat[text[part]], queries[query[part]], out=out[part])
        return out


def top_items_by_text(
    users: FloatArray,
    texts: FloatArray,
    m: int,
    reduction: BlockedReduction = "max",
    hidden: sparse.csr_matrix | None = None,
    allowed: NDArray[np.bool_] | None = None,
    user_block: int = USER_BLOCK,
    item_block: int = ITEM_BLOCK,
    workers: int | None = None,
) -> Iterator[TopItems]:
    """Yield the top m items of every user, block by block: `BlockedTexts` laid out and searched once."""
    laid_out = BlockedTexts(texts, users, m, reduction, item_block)
    return laid_out.blocks(users, m, hidden, allowed, user_block, workers)


def _parts(texts: FloatArray) -> Iterator[FloatArray]:
    """Cut (N, K, D) into pieces that are small even when they are copied."""
    for at in range(0, len(texts), ITEM_BLOCK):
        yield texts[at : at + ITEM_BLOCK]


def _mean_texts(texts: FloatArray, there: NDArray[np.bool_]) -> FloatArray:
    """Return (N, 1, D): the mean of the texts that are there, whose product is the mean of their products."""
    means = np.concatenate([part.sum(axis=1, dtype=np.float32) for part in _parts(texts)])
    means /= np.maximum(there.sum(axis=1), 1, dtype=np.float32)[:, None]
    return means[:, None]


def _by_block(hidden: sparse.csr_matrix, step: int) -> list[tuple[IntArray, IntArray]]:
    """Return, per block of items, the places in the block and the rows of what is hidden (Q, N)."""
    rows, items = hidden.nonzero()
    block = items % step
    order = np.argsort(block, kind="stable")
    ends = np.searchsorted(block[order], np.arange(step + 1))
    place, rows = items[order] // step, rows[order]
    return [(place[a:b], rows[a:b]) for a, b in zip(ends[:-1], ends[1:], strict=True)]
