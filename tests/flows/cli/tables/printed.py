"""What a terminal of some width shows, and which figures are whole in it."""

import io
import re
from collections import Counter
from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import Console, RenderableType

WIDTHS = (60, 80, 120)
NUMBER = re.compile(r"[-+]?\d+(?:[.,:]\d+)*(?:e[-+]\d+)?%?")


def shown(table: RenderableType, width: int) -> str:
    """What a terminal of this width shows."""
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue()


def assert_whole(text: str, width: int, figures: Iterable[str], words: Iterable[str] = ()) -> None:
    """Say that nothing is cut: every figure as often as it is expected, every word, no line too long."""
    missing = Counter(NUMBER.findall(" ".join(figures))) - Counter(NUMBER.findall(text))
    assert not missing
    for word in words:
        assert word in text.split(), word
    assert "…" not in text
    for line in text.splitlines():
        assert cell_len(line.rstrip()) <= width, line
