"""A cheap prefilter of texts: short vectors, in the number format that the processor multiplies fastest.

Where the processor has instructions for bfloat16, they multiply about four times as many numbers a second as
those for float32. Vectors are rounded then, and by Cauchy and Schwarz, u' and t' being u and t rounded,

    <u, t> <= <u', t'> + |u - u'| |t'| + |u| |t - t'|,

so that a bar which is lowered by the last two terms loses nobody. What is found is scored anew in float32.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tasks.matching.bound import Bound
from tasks.matching.contract import FloatArray, IntArray


def fastest_format() -> torch.dtype:
    """The number format in which this processor multiplies most numbers a second."""
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32


def multiply_alone() -> None:
    """Let a thread multiply by itself: it is one of as many as there are processors."""
    torch.get_num_threads()  # torch sets a thread's limit when it is first asked, and not again
    threadpool_limits(limits=1, user_api="openmp")


class Prefilter:
    """Texts (N, K, D) as the prefilter multiplies them: shortened by a bound, in float32 or bfloat16.

    Block t is items t, t + step, t + 2 step, and so on. The texts are kept, and may be memory-mapped.
    """

    def __init__(self, texts: FloatArray, step: int, bound: Bound, number_format: torch.dtype) -> None:
        self.number_format, self._texts, self.step, self._bound = number_format, texts, step, bound
        self.n_items, self.n_slots = texts.shape[:2]
        self._rounds = number_format != torch.float32
        self._blocks: list[torch.Tensor] = []  # (K, n, W + 1)
        with (
            threadpool_limits(limits=1, user_api="blas"),
            ThreadPoolExecutor(os.cpu_count(), initializer=multiply_alone) as pool,
        ):
            parts = list(pool.map(self._laid_out, range(step)))
        if bound.axes is not None or self._rounds:
            self._blocks = [block for block, *_ in parts]
        # The longest text, the longest as it is multiplied, and the most that rounding takes from one.
        self._longest, self._longest_rounded, self._most_lost = (
            max(lengths) for lengths in zip(*(part[1:] for part in parts), strict=True)
        )

    def _laid_out(self, t: int) -> tuple[torch.Tensor, float, float, float]:
        """Block t, and the lengths of its longest text, of the longest as multiplied, and of what it lost."""
        block = self._texts[t :: self.step].swapaxes(0, 1)  # (K, n, D)
        if self._bound.axes is None and not self._rounds:
            return torch.empty(0), _longest(block), 0.0, 0.0
        short = self._bound.shortened(np.ascontiguousarray(block))
        rounded = torch.from_numpy(short).to(self.number_format)
        lost = _longest(rounded.float().numpy() - short) if self._rounds else 0.0
        return rounded, _longest(block), _longest(short) + lost, lost

    def asked(self, queries: FloatArray) -> tuple[torch.Tensor, FloatArray]:
        """Return queries (Q, D) as they are multiplied (W + 1, Q), and what each takes from a bar (Q,)."""
        short = self._bound.shortened(queries)
        lengths = np.linalg.norm(queries, axis=1)
        lower = self._bound.margin * self._longest * lengths
        rounded = torch.from_numpy(short).to(self.number_format)
        lost = np.linalg.norm(short - rounded.float().numpy(), axis=1)  # nothing, in float32
        lower += lost * self._longest_rounded + np.linalg.norm(short, axis=1) * self._most_lost
        return rounded.T.contiguous(), lower

    def bar(self, bars: FloatArray) -> torch.Tensor:
        """Return bars (Q,) in the format of products and not above what they were.

        Whatever is wanted at all reaches even the least bar there is.
        """
        bar = torch.from_numpy(bars)
        low = bar.to(self.number_format)
        low = torch.where(low > bar, torch.nextafter(low, torch.tensor(-torch.inf, dtype=low.dtype)), low)
        return low.clamp(min=torch.finfo(low.dtype).min)  # what is not wanted stays below any bar

    def multiply(self, t: int, asked: torch.Tensor, out: torch.Tensor) -> None:
        """Fill out (K, n, Q) with the products, or their bounds, of block t."""
        if self._rounds:
            torch.matmul(self._blocks[t], asked, out=out)
        elif self._blocks:
            # NumPy's library multiplies float32 faster than torch's, on some processors by a fifth.
            np.matmul(self._blocks[t].numpy(), asked.numpy(), out=out.numpy())
        else:
            for slot, product in enumerate(out.numpy()):
                np.matmul(self._texts[t :: self.step, slot], asked.numpy(), out=product)


class BlockProducts:
    """Products of queries with one block of texts after the other, in memory that is used again.

    Args:
        prefilter: of the texts.
        asked: (W + 1, Q) queries, as `Prefilter.asked` gives them.
        n_kept: the products of so many blocks, the first ones, live at once.
        allowed: (N,) items that may be in any list; all of them when None.
        hidden: per block the places and the queries (row of asked) that must not meet; None for nothing.
    """

    def __init__(
        self,
        prefilter: Prefilter,
        asked: torch.Tensor,
        n_kept: int,
        allowed: NDArray[np.bool_] | None,
        hidden: list[tuple[IntArray, IntArray]] | None,
    ) -> None:
        self._prefilter, self._asked, self._allowed, self._hidden = prefilter, asked, allowed, hidden
        self._n_items, self._n_slots, self._step = prefilter.n_items, prefilter.n_slots, prefilter.step
        height, n_queries = -(-self._n_items // self._step), asked.shape[1]
        shape = (n_kept, self._n_slots * height * n_queries)
        self._products = torch.empty(shape, dtype=prefilter.number_format)
        self._bounds = torch.empty((n_kept, height, n_queries), dtype=prefilter.number_format)

    def of(self, t: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Products (K, n, Q) of block t, and their maximum (n, Q), -inf where an item is not wanted."""
        n, at = len(range(t, self._n_items, self._step)), t % len(self._products)  # the last have one less
        n_queries = self._asked.shape[1]
        out = self._products[at, : self._n_slots * n * n_queries].view(self._n_slots, n, n_queries)
        most = self._bounds[at, :n]
        self._prefilter.multiply(t, self._asked, out)
        torch.maximum(out[0], out[-1], out=most)
        for product in out[1:-1]:
            torch.maximum(most, product, out=most)
        if self._allowed is not None:
            most[torch.from_numpy(~self._allowed[t :: self._step])] = -torch.inf
        if self._hidden is not None:
            most[self._hidden[t]] = -torch.inf
        return out, most


def _longest(vectors: FloatArray) -> float:
    """The length of the longest of (..., D) vectors."""
    return float(np.sqrt(np.einsum("...d,...d->...", vectors, vectors).max()))
