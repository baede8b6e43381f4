"""Where a search of settings looks: one annotation beside each setting that is searched.

`regularisation: Annotated[float, Real(20, 5000, log=True)] = ...` is searched by `polyrec tune`; a setting
without such an annotation keeps its value. A section in which nothing is searched says why in `not_searched`.
A second annotation, `Tried(100, 500, 2000)`, holds the values that the adaptation to a data set tries.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.settings.section import Section


@dataclass(frozen=True)
class Real:
    """Numbers from low to high, both tried; with `log` as many between 1 and 10 as between 10 and 100."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Whole:
    """Whole numbers from low to high, both tried."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True, init=False)
class Choice:
    """One of some values, such as `Choice("max", "mean")`."""

    options: tuple[str | int | float | bool | None, ...]

    def __init__(self, *options: str | int | float | bool | None) -> None:
        object.__setattr__(self, "options", options)


Space = Real | Whole | Choice


@dataclass(frozen=True, init=False)
class Tried:
    """Values of a setting that the adaptation to a data set tries beside the one that is set."""

    values: tuple[str | int | float | bool | None, ...]

    def __init__(self, *values: str | int | float | bool | None) -> None:
        object.__setattr__(self, "values", values)


def spaces_of(section: type[Section]) -> dict[str, Space]:
    """Name of a setting to where it is searched, in the order of the section; others are left out."""
    return {
        name: annotation
        for name, field in section.model_fields.items()
        for annotation in field.metadata
        if isinstance(annotation, Space)
    }


def tried_of(section: type[Section]) -> dict[str, tuple[str | int | float | bool | None, ...]]:
    """Name of a setting to the values that adaptation tries, in the order of the section."""
    return {
        name: annotation.values
        for name, field in section.model_fields.items()
        for annotation in field.metadata
        if isinstance(annotation, Tried)
    }


def contains(space: Space, value: object) -> bool:
    """Whether a search may come upon a value."""
    if isinstance(space, Choice):
        return value in space.options
    return isinstance(value, int | float) and space.low <= value <= space.high


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they are tried and printed: three digits say all that a search can know.

    >>> plain({"regularisation": 1234.567, "factors": 12345, "loss": None})
    {'regularisation': 1230.0, 'factors': 12345, 'loss': None}
    """
    return {
        name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in values.items()
    }
