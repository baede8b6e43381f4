"""Matchers by name."""

from pathlib import Path
from typing import Any, NamedTuple

from tasks.matching.base import read_description
from tasks.matching.category_popularity import CategoryPopularity
from tasks.matching.contract import Matcher
from tasks.matching.cosine import Cosine
from tasks.matching.ease import Ease, PlainEase
from tasks.matching.external import External
from tasks.matching.ials import Ials
from tasks.matching.popularity import Popularity
from tasks.matching.sasrec import Sasrec
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
    "ease_plain": Kind(PlainEase, "ease_plain"),
    "ials": Kind(Ials, "ials"),
    "category_popularity": Kind(CategoryPopularity, "category_popularity"),
    "sasrec": Kind(Sasrec, "sasrec"),
}


def build(name: str, settings: Matching) -> Matcher:
    """Make the matcher of this name, not fitted yet, with the parameters of the settings."""
    for one in settings.external:
        if one.name in KINDS:
            raise ValueError(
                f"a built-in matcher is called {one.name!r}; give that of [[matching.external]] another name"
            )
        if one.name == name:
            return External(one.name, one.files)
    kind = KINDS[_known(name)]
    section = getattr(settings, kind.section).model_dump() if kind.section else {}
    return kind.make(**section, **kind.arguments)


def load(folder: Path) -> Matcher:
    """Read whichever matcher was saved in a folder."""
    description = read_description(folder)
    kind = description.get("kind", description["name"])
    return External.load(folder) if kind == External.kind else KINDS[_known(kind)].make.load(folder)


def _known(name: str) -> str:
    """Refuse a name that no matcher has."""
    if name not in KINDS:
        raise ValueError(
            f"no matcher is called {name!r}; choose among {', '.join(sorted(KINDS))} in [matching] matchers"
        )
    return name
