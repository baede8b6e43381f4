"""Which line of a text file a row begins in: looked up only for rows that somebody asks about."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tasks.ingest.files import File
from tasks.ingest.survey import LineEnds, blocks


@dataclass
class LineFinder:
    """Lines of the rows that the parallel reader took."""

    file: File
    line_ends: LineEnds
    header: bool
    # (n,) int64, ordinals, header not counted, of the records it did not take, ascending
    rejected: np.ndarray = field(default_factory=lambda: np.array([], np.int64))

    def lines(self, records: Sequence[int]) -> list[int]:
        """Lines, counted from 1, for ordinals of rows taken."""
        wanted = np.asarray(records, np.int64)
        taken_before = self.rejected - np.arange(self.rejected.size)
        wanted = wanted + np.searchsorted(taken_before, wanted, side="right") + self.header
        order = np.argsort(wanted)
        found = np.zeros(wanted.size, np.int64)
        done = seen = lines = 0
        for block in blocks(self.file.chunks(), self.line_ends, quoted=True):
            upto = int(np.searchsorted(wanted[order], seen + block.starts.size))
            here = order[done:upto]
            found[here] = lines + block.lines[wanted[here] - seen] + 1
            done, seen, lines = upto, seen + block.starts.size, lines + block.line_ends
            if done == wanted.size:
                return found.tolist()
        raise IndexError(f"{self.file.name} has {seen - self.header} records, got {max(records, default=0)}")


@dataclass(frozen=True)
class Found:
    """A record that the parallel reader did not take: its ordinal (header counted), line and bytes."""

    ordinal: int
    line: int
    content: bytes


def locate(file: File, line_ends: LineEnds, positions: Sequence[int]) -> list[Found]:
    """The records at ascending positions, counted from 1, give or take the line ends before them."""
    wanted = np.asarray(positions, np.int64) - 1
    found: list[Found] = []
    seen = lines = 0
    for block in blocks(file.chunks(), line_ends, quoted=True):
        while len(found) < wanted.size:
            at = int(np.searchsorted(block.starts, wanted[len(found)] - block.offset))
            if at == block.starts.size:
                break
            content = block.data[block.starts[at] : block.ends[at]]
            found.append(Found(seen + at, lines + int(block.lines[at]) + 1, content))
        seen, lines = seen + block.starts.size, lines + block.line_ends
    return found
