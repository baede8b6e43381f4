from typing import Annotated

import pytest
from pydantic import Field

from tasks.settings.section import Section
from tasks.settings.space import Choice, Real, Whole, contains, spaces_of


class Toy(Section):
    """A section."""

    rate: Annotated[float, Real(0.001, 1, log=True)] = Field(default=0.1, gt=0)
    """Searched."""
    factors: Annotated[int | None, Whole(8, 64)] = 32
    """Searched."""
    loss: Annotated[str, Choice("bpr", "warp")] = "bpr"
    """Searched."""
    epochs: int = 10
    """Not searched."""


def test_what_is_annotated_is_searched_in_the_order_of_the_section() -> None:
    assert spaces_of(Toy) == {
        "rate": Real(0.001, 1, log=True),
        "factors": Whole(8, 64),
        "loss": Choice("bpr", "warp"),
    }
    assert Toy(factors=None).factors is None  # an annotation checks nothing by itself
    assert Toy.model_fields["rate"].description == "Searched."


@pytest.mark.parametrize(
    ("space", "value", "inside"),
    [
        (Real(2, 4), 2.0, True),
        (Real(2, 4), 4.5, False),
        (Real(2, 4), None, False),
        (Whole(2, 4), 3, True),
        (Choice("a", None), None, True),
        (Choice("a", None), "b", False),
    ],
)
def test_inside(space: Real | Whole | Choice, value: object, inside: bool) -> None:
    assert contains(space, value) == inside
