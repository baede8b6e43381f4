"""Matchers by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from tasks.matching.attention import CosineAttention
from tasks.matching.base import ArrayMatcher, read_description
from tasks.matching.category_popularity import CategoryPopularity
from tasks.matching.content_knn import ContentKnn
from tasks.matching.contract import Matcher, Parameter
from tasks.matching.cosine import Cosine
from tasks.matching.ease import Ease
from tasks.matching.external import External
from tasks.matching.factor_map import FactorMap
from tasks.matching.ials import Ials
from tasks.matching.infinite_ae import InfiniteAutoencoder
from tasks.matching.popularity import InversePopularity, Popularity
from tasks.matching.relevance_student import RelevanceStudent
from tasks.matching.sasrec import Sasrec
from tasks.matching.search_keyword import SearchKeyword
from tasks.matching.search_semantic import SearchSemantic
from tasks.matching.slit import Slit
from tasks.matching.two_tower import TwoTower
from tasks.settings.matchers import ExternalSettings
from tasks.settings.matching import Matching
from tasks.settings.renamed import renamed_matcher
from tasks.settings.section import Section
from tasks.settings.space import Space, spaces_of
from warehouse.errors import PolyrecError, SettingsError


class Kind(NamedTuple):
    """The class of a matcher, and the section of [matching] that it is made with."""

    matcher: type[ArrayMatcher[Any]]
    section: str


# Whose section is called as they are.
OWN_SECTION: tuple[type[ArrayMatcher[Any]], ...] = (
    *(CategoryPopularity, ContentKnn, CosineAttention, Ease, FactorMap, Ials, InfiniteAutoencoder),
    *(Popularity, RelevanceStudent, Sasrec, SearchKeyword, SearchSemantic, Slit, TwoTower),
)
KINDS: dict[str, Kind] = {
    **{matcher.name: Kind(matcher, matcher.name) for matcher in OWN_SECTION},
    **{f"cosine_{reduction}": Kind(Cosine, "cosine") for reduction in ("max", "mean", "logsumexp")},
    "ease_plain": Kind(Ease, "ease_plain"),
    "inverse_popularity": Kind(InversePopularity, "popularity"),
}


def build(name: str, settings: Matching) -> Matcher:
    """Make the matcher of this name, not fitted yet, with its section of the settings."""
    for one in settings.external:
        if one.name in KINDS:
            raise SettingsError(
                f"a built-in matcher is called {one.name!r}; give that of [[matching.external]] another name"
            )
        if one.name == name:
            return External(one, name)
    kind = KINDS[known(name)]
    return kind.matcher(getattr(settings, kind.section), name)


def searched(name: str) -> dict[str, Space]:
    """Name of a matcher's setting to where it is searched; empty where there is nothing to search."""
    section = section_of(name)
    return spaces_of(section) if section else {}


def section_of(name: str) -> type[Section] | None:
    """The section of [matching] whose settings are a matcher's own; what has no lists shares another's."""
    kind = KINDS[known(name)]
    return type(getattr(Matching(), kind.section)) if kind.matcher.proposes else None


def with_values(settings: Matching, name: str, values: Mapping[str, Parameter]) -> Matching:
    """The settings with other values in a matcher's section, checked as those of a file are."""
    key = KINDS[known(name)].section
    section = getattr(settings, key)
    changed = type(section).model_validate({**section.model_dump(), **values})
    return settings.model_copy(update={key: changed})


def load(folder: Path) -> Matcher:
    """Read whichever matcher was saved in a folder; what has no built-in name is external."""
    name, parameters = read_description(folder)
    kind = KINDS.get(name)
    section = type(getattr(Matching(), kind.section)) if kind else ExternalSettings
    try:
        settings = section.model_validate(parameters)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise PolyrecError(
            f"{folder} holds the matcher {name!r} with settings of another version ({where}); "
            "fit again: polyrec run"
        ) from None
    matcher = (kind.matcher if kind else External)(settings, name)
    matcher.load_arrays(folder)
    return matcher


def known(name: str) -> str:
    """Refuse a name that no matcher has."""
    if told := renamed_matcher(name):
        raise SettingsError(told)
    if name not in KINDS:
        raise SettingsError(
            f"no matcher is called {name!r}; choose among {', '.join(sorted(KINDS))} in [matching] matchers"
        )
    return name
