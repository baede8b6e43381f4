"""The settings of the second pass over texts."""

from pydantic import Field

from tasks.settings.section import Section


class Rewrite(Section):
    """A second pass, which reads an item's texts and writes each again to say what the others do not."""

    enabled: bool = False
    """Whether there is one: it takes longer than the first."""
    max_minutes: float = Field(default=60.0, gt=0)
    """A run begins no further batch after so many minutes of it; the next run goes on."""
    max_item_rank: int = Field(default=1, ge=1)
    """Among all items, its own is at least so near to a text: 1 is the nearest."""
