"""Matchers by name."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from tasks.matching.attention import CosineAttention
from tasks.matching.base import read_description
from tasks.matching.category_popularity import CategoryPopularity
from tasks.matching.content_knn import ContentKnn
from tasks.matching.contract import Matcher, Parameter
from tasks.matching.cosine import Cosine
from tasks.matching.ease import Ease, PlainEase
from tasks.matching.external import External
from tasks.matching.factor_map import FactorMap
from tasks.matching.ials import Ials
from tasks.matching.infinite_ae import InfiniteAutoencoder
from tasks.matching.inverse_popularity import InversePopularity
from tasks.matching.popularity import Popularity
from tasks.matching.relevance_student import RelevanceStudent
from tasks.matching.sasrec import Sasrec
from tasks.matching.search_keyword import SearchKeyword
from tasks.matching.search_semantic import SearchSemantic
from tasks.matching.slit import Slit
from tasks.matching.two_tower import TwoTower
from tasks.settings.matching import Matching
from tasks.settings.renamed import renamed_matcher
from tasks.settings.section import Section
from tasks.settings.space import Space, spaces_of
from warehouse.errors import SettingsError


class Kind(NamedTuple):
    """How a matcher of a name is made."""

    make: type[Matcher]
    section: str | None = None
    """The section of [matching] whose keys are its arguments."""
    arguments: Mapping[str, Any] = MappingProxyType({})
    """What tells it from others of its class."""


KINDS: dict[str, Kind] = {
    "cosine_max": Kind(Cosine, "cosine", {"reduction": "max"}),
    "cosine_mean": Kind(Cosine, "cosine", {"reduction": "mean"}),
    "ease": Kind(Ease, "ease"),
    "popularity": Kind(Popularity, "popularity"),
    "slit": Kind(Slit, "slit"),
    "inverse_popularity": Kind(InversePopularity, "popularity"),
    "search_keyword": Kind(SearchKeyword, "search_keyword"),
    "search_semantic": Kind(SearchSemantic, "search_semantic"),
    "cosine_logsumexp": Kind(Cosine, "cosine", {"reduction": "logsumexp"}),
    "cosine_attention": Kind(CosineAttention, "cosine_attention"),
    "content_knn": Kind(ContentKnn, "content_knn"),
    "two_tower": Kind(TwoTower, "two_tower"),
    "factor_map": Kind(FactorMap, "factor_map"),
    "ease_plain": Kind(PlainEase, "ease_plain"),
    "infinite_ae": Kind(InfiniteAutoencoder, "infinite_ae"),
    "ials": Kind(Ials, "ials"),
    "category_popularity": Kind(CategoryPopularity, "category_popularity"),
    "sasrec": Kind(Sasrec, "sasrec"),
    "relevance_student": Kind(RelevanceStudent, "relevance_student"),
}


def build(name: str, settings: Matching) -> Matcher:
    """Make the matcher of this name, not fitted yet, with the parameters of the settings."""
    for one in settings.external:
        if one.name in KINDS:
            raise SettingsError(
                f"a built-in matcher is called {one.name!r}; give that of [[matching.external]] another name"
            )
        if one.name == name:
            return External(one.name, one.files)
    kind = KINDS[known(name)]
    section = getattr(settings, kind.section).model_dump() if kind.section else {}
    return kind.make(**section, **kind.arguments)


def searched(name: str) -> dict[str, Space]:
    """Name of a matcher's setting to where it is searched; empty where there is nothing to search."""
    section = section_of(name)
    return spaces_of(section) if section else {}


def section_of(name: str) -> type[Section] | None:
    """The section of [matching] whose settings are a matcher's own; what has no lists shares another's."""
    kind = KINDS[known(name)]
    return type(getattr(Matching(), kind.section)) if kind.section and kind.make.proposes else None


def with_values(settings: Matching, name: str, values: Mapping[str, Parameter]) -> Matching:
    """The settings with other values in a matcher's section, checked as those of a file are."""
    key = KINDS[known(name)].section
    if key is None:
        raise ValueError(f"matcher {name} has no settings; leave it out")
    section = getattr(settings, key)
    changed = type(section).model_validate({**section.model_dump(), **values})
    return settings.model_copy(update={key: changed})


def load(folder: Path) -> Matcher:
    """Read whichever matcher was saved in a folder."""
    kind = read_description(folder)["kind"]
    return External.load(folder) if kind == External.kind else KINDS[known(kind)].make.load(folder)


def known(name: str) -> str:
    """Refuse a name that no matcher has."""
    if told := renamed_matcher(name):
        raise SettingsError(told)
    if name not in KINDS:
        raise SettingsError(
            f"no matcher is called {name!r}; choose among {', '.join(sorted(KINDS))} in [matching] matchers"
        )
    return name
