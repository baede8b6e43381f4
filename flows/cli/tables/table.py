"""The one table of the command line: it fits terminals of any width, and no figure in it is cut.

Where a table is too wide, parts of a cell stand below each other; where that is not enough, columns go on in
a second block below, beside the first column. Cells are never read as markup.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

Cell = str | tuple[str, ...] | Text
"""A line; or parts that stand beside each other where there is room, else below; or lines with styles."""
LONGEST = 20
"""Characters of a word that is not broken where text is wrapped."""
KEPT = "\u00a0\u202f\u3000\u200c\u200d"
"""Spaces and joiners that are part of how a language is written."""


@dataclass(frozen=True)
class Column:
    """A column, and how narrow it may become.

    Args:
        name: its heading.
        right: whether cells stand at the right.
        least: width in characters to which text may be wrapped; None: lines are never broken.
        most: width beyond which a column of text takes no more room.
    """

    name: str
    right: bool = False
    least: int | None = None
    most: int = 1_000

    def widths(self, cells: Iterable[Text]) -> tuple[int, int]:
        """The least and the full width, in characters; headings and text may be wrapped between words."""
        lines = [line.plain for cell in cells for line in cell.split(allow_blank=True)]
        heading = max(map(cell_len, self.name.split()), default=0)
        full = max(map(cell_len, lines), default=0)
        if self.least is None:
            return max(full, heading), max(full, cell_len(self.name))
        longest = max((cell_len(one) for line in lines for one in line.split()), default=0)
        full = max(min(full, self.most), cell_len(self.name))
        return min(full, max(self.least, heading, min(longest, LONGEST))), full


figure = partial(Column, right=True)
word = Column
text = partial(Column, least=20)


@dataclass(frozen=True)
class Table:
    """A table with a title above it.

    Args:
        title: may be empty.
        columns: the first one is repeated where a table goes on below.
        rows: a cell a column each.
        bold: numbers of the rows that stand out.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    bold: Collection[int] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Parts of the cells beside each other, else below each other, else in blocks."""
        width = options.max_width
        if self.title:
            yield said(self.title, "bold")
        for stacked, gap in ((False, 2), (True, 2), (True, 1)):
            cells = [[_laid_out(cell, stacked) for cell in row] for row in self.rows]
            sizes = [one.widths(row[number] for row in cells) for number, one in enumerate(self.columns)]
            if _least(sizes, range(len(sizes)), gap) <= width:
                break
        else:
            gap = 2
        for block in _blocks(sizes, width, gap):
            table = RichTable(
                box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0)
            )
            spare = width - _least(sizes, block, gap)
            widths = _shared([sizes[one] for one in block], spare)
            if spare < 0:  # not even two columns fit: a word is broken rather than a figure
                at = max(range(len(block)), key=lambda n: (not self.columns[block[n]].right, widths[n]))
                widths[at] = max(1, widths[at] + spare)
            for number, size in zip(block, widths, strict=True):
                column = self.columns[number]
                justify = "right" if column.right else "left"
                table.add_column(said(column.name), justify=justify, width=size, overflow="fold")
            for number, row in enumerate(cells):
                table.add_row(*(row[one] for one in block), style="bold" if number in self.bold else None)
            yield table
            yield Text()


def said(line: str, style: str = "") -> Text:
    """A line as it is, not as markup; what would steer a terminal is written out."""
    return Text(written_out(line, KEPT), style=style)


def paragraph(line: str) -> Text:
    """A sentence, and an empty line below it."""
    return said(line).append("\n")


def written_out(line: str, kept: str = "") -> str:
    r"""The line with what cannot be seen, or would steer a terminal, as escapes.

    >>> print(written_out("red: \x1b[31m"))
    red: \x1b[31m
    """
    return "".join(c if c.isprintable() or c in kept else ascii(c)[1:-1] for c in line)


def lines(first: str, *further: str) -> Text:
    """Lines below each other, those after the first one dimmed; empty ones are left out."""
    return Text("\n").join([said(first), *(said(line, "dim") for line in further if line)])


def _laid_out(cell: Cell, stacked: bool) -> Text:
    if isinstance(cell, Text):
        return cell
    if isinstance(cell, str):
        return said(cell)
    first, *further = (part for part in cell if part) if any(cell) else [""]
    return Text("\n" if stacked else " ").join([said(first), *(said(part, "dim") for part in further)])


def _least(sizes: Sequence[tuple[int, int]], numbers: Sequence[int], gap: int) -> int:
    """The width that these columns need."""
    return sum(sizes[number][0] for number in numbers) + gap * (len(numbers) - 1)


def _blocks(sizes: Sequence[tuple[int, int]], width: int, gap: int) -> Iterator[list[int]]:
    """Numbers of the columns of each block, as many as fit; the first column is in all."""
    block = [0]
    for number in range(1, len(sizes)):
        if len(block) > 1 and _least(sizes, [*block, number], gap) > width:
            yield block
            block = [0]
        block.append(number)
    yield block


def _shared(sizes: Sequence[tuple[int, int]], spare: int) -> list[int]:
    """Widths of columns when those that are not full share the spare width equally."""
    widths = [least for least, _ in sizes]
    while spare > 0 and (narrow := [n for n, (_, full) in enumerate(sizes) if widths[n] < full]):
        for number in narrow:
            more = min(max(1, spare // len(narrow)), sizes[number][1] - widths[number], spare)
            widths[number] += more
            spare -= more
    return widths
