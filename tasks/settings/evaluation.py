"""The settings of evaluation: what is measured, and how surely."""

from typing import Annotated

from pydantic import Field

from tasks.settings.section import Section


class Evaluation(Section):
    """What is measured, and how surely."""

    k: int = Field(default=10, ge=1, le=100)
    """Length of the lists that are evaluated."""
    more_k: tuple[Annotated[int, Field(ge=1, le=100)], ...] = (5, 20)
    """Lengths at which every metric is given, too; nothing is chosen by these."""
    min_value: float | None = None
    """Held-back events of a lower value are not relevant; by default all are, whatever their value."""
    resamples: int = Field(default=2000, ge=100)
    """Bootstrap resamples over users behind every interval."""

    @property
    def all_k(self) -> tuple[int, ...]:
        """Every length that is evaluated, the headline's first."""
        return (self.k, *sorted({*self.more_k} - {self.k}))
