"""In which chunks prompts are read into the cache, so that little is computed for padding.

A batch is padded on the left to its longest row. Read in one pass, the padding costs what tokens cost; but a
shorter row need not be there yet while the head of a longer one is read. It joins later, as a branch of any
row that continues the same one, whose tokens so far are hidden from it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# What a further pass costs, in places of a row: the weights are read again, each row of the cache is moved.
# Two AVX2 cores in float32 need 2.8 ms for a place, at least 60 ms for a pass, 4 to 9 ms to move a row.
PASS, MOVING = 20, 2


class Chunk(NamedTuple):
    """What one pass reads."""

    rows: NDArray[np.int64]  # (A,) the rows that are there by now, ascending
    first: int  # of the places that are read, of the longest row's
    last: int  # the first place that is not read


def chunks(lengths: Sequence[int], parents: Sequence[int]) -> list[Chunk]:
    """The cheapest chunks that read rows of these lengths, padded on the left to the longest.

    `lengths` (R,) are the tokens of each row, at least 1, `parents` (R,) the row of the cache that each
    continues. The longest row of each parent is there from the first chunk on, for the others to branch from.
    The places of the chunks follow one another; the last chunk has all rows.

    >>> [(len(chunk.rows), chunk.first, chunk.last) for chunk in chunks([200, 10, 10, 10], [0, 0, 0, 0])]
    [(1, 0, 190), (4, 190, 200)]
    """
    longest = max(lengths)
    by_length = sorted(range(len(lengths)), key=lengths.__getitem__)
    from_start = set({parents[row]: row for row in by_length}.values())
    joins = np.array([0 if row in from_start else longest - length for row, length in enumerate(lengths)])
    bounds = [*np.unique(joins).tolist(), longest]
    there = [int((joins <= bound).sum()) for bound in bounds]
    # cheapest[b]: reading all places before bounds[b], and the bound at which the last chunk of that begins.
    cheapest: list[tuple[int, int]] = [(0, 0)]
    for end in range(1, len(bounds)):
        # A row that joins within a chunk is there from its beginning.
        costs = [
            (cheapest[start][0] + PASS + there[end - 1] * (bounds[end] - bounds[start] + MOVING), start)
            for start in range(end)
        ]
        cheapest.append(min(costs))
    found, end = list[Chunk](), len(bounds) - 1
    while end:
        start = cheapest[end][1]
        found.append(Chunk(np.flatnonzero(joins <= bounds[end - 1]), bounds[start], bounds[end]))
        end = start
    return found[::-1]
