"""Matchers by name."""

from pathlib import Path
from typing import Any, NamedTuple

from tasks.matching.base import read_description
from tasks.matching.contract import Matcher
from tasks.matching.cosine import Cosine
from tasks.matching.ease import Ease
from tasks.matching.popularity import Popularity
from tasks.matching.search_keyword import SearchKeyword
from tasks.matching.search_semantic import SearchSemantic
from tasks.matching.slit import Slit
from tasks.settings_matching import Matching


class Kind(NamedTuple):
    """How a matcher of a name is made."""

    make: type[Matcher]
    section: str | None = None
    """The section of [matching] whose keys are its arguments."""
    arguments: dict[str, Any] = {}  # noqa: RUF012 - of a tuple; nobody changes it
    """What tells it from others of its class."""


KINDS: dict[str, Kind] = {
    "cosine_max": Kind(Cosine, arguments={"reduction": "max"}),
    "cosine_mean": Kind(Cosine, arguments={"reduction": "mean"}),
    "ease": Kind(Ease, "ease"),
    "popularity": Kind(Popularity, "popularity"),
    "slit": Kind(Slit, "slit"),
    "search_keyword": Kind(SearchKeyword, "search_keyword"),
    "search_semantic": Kind(SearchSemantic, "search_semantic"),
}


def build(name: str, settings: Matching) -> Matcher:
    """Make the matcher of this name, not fitted yet, with the parameters of the settings."""
    kind = KINDS[_known(name)]
    section = getattr(settings, kind.section).model_dump() if kind.section else {}
    return kind.make(**section, **kind.arguments)


def load(folder: Path) -> Matcher:
    """Read whichever matcher was saved in a folder."""
    return KINDS[_known(read_description(folder)["name"])].make.load(folder)


def scores_visitors(name: str) -> bool:
    """Whether the matcher of this name can score people whom no fit knows."""
    return hasattr(KINDS[_known(name)].make, "score_visitors")


def _known(name: str) -> str:
    """Refuse a name that no matcher has."""
    if name not in KINDS:
        raise ValueError(
            f"no matcher is called {name!r}; choose among {', '.join(sorted(KINDS))} in [matching] matchers"
        )
    return name
