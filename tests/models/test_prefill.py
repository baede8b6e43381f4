from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.prefill import MOVING, PASS, Chunk, chunks


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Lengths of rows, and the parent that each continues."""
    n = draw(st.integers(1, 9))
    lengths = draw(st.lists(st.sampled_from([1, 2, 3, 30, 31, 60, 90, 400]), min_size=n, max_size=n))
    return lengths, draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))


def cost(found: Sequence[Chunk]) -> int:
    return sum(PASS + len(one.rows) * (one.last - one.first + MOVING) for one in found)


def there(lengths: Sequence[int], parents: Sequence[int], last: int) -> int:
    """How many rows have something to read before a place, or are the first of their parent to be read."""
    starts = [max(lengths) - length for length in lengths]
    late = sum(start >= last for start in starts)
    alone = {
        one for one in parents if all(starts[row] >= last for row, own in enumerate(parents) if own == one)
    }
    return len(lengths) - late + len(alone)


@given(batches())
def test_every_token_is_read_and_rows_branch_from_their_own_parent(
    batch: tuple[list[int], list[int]],
) -> None:
    lengths, parents = batch
    longest = max(lengths)
    found = chunks(lengths, parents)
    assert [found[0].first, *(one.last for one in found)] == [*(one.first for one in found), longest]
    assert found[0].first == 0
    assert found[-1].rows.tolist() == list(range(len(lengths)))
    for one in found:
        assert {row for row, length in enumerate(lengths) if longest - length < one.last} <= {
            *one.rows.tolist()
        }
        assert {parents[row] for row in one.rows} == {*parents}
    for one, after in pairwise(found):
        assert {*one.rows.tolist()} < {*after.rows.tolist()}


@given(batches())
def test_no_other_cuts_are_cheaper(batch: tuple[list[int], list[int]]) -> None:
    lengths, parents = batch
    longest = max(lengths)
    places = sorted({longest - length for length in lengths} - {0})
    every = []
    for count in range(len(places) + 1):
        for cuts in combinations(places, count):
            bounds = [0, *cuts, longest]
            every.append(
                sum(
                    PASS + there(lengths, parents, last) * (last - first + MOVING)
                    for first, last in pairwise(bounds)
                )
            )
    assert cost(chunks(lengths, parents)) == min(every)


def test_rows_of_like_length_are_read_in_one_chunk() -> None:
    (one,) = chunks([10, 12, 11], [0, 0, 0])
    np.testing.assert_array_equal(one.rows, [0, 1, 2])
    assert (one.first, one.last) == (0, 12)
