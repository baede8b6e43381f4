"""Settings of the matchers: a section for each, whose keys are the arguments that it is made with."""

from typing import Annotated, ClassVar

from pydantic import Field

from tasks.section import Section
from tasks.space import Real


class Ease(Section):
    """EASE, applied to recency-weighted histories."""

    regularisation: Annotated[float, Real(20, 5000, log=True)] = Field(default=500.0, gt=0)
    """The ridge term lambda."""
    half_life_items: Annotated[float | None, Real(2, 100, log=True)] = Field(default=8.0, gt=0)
    """An item this many positions back in a history weighs half when the model is applied."""


class Popularity(Section):
    """Time-decayed popularity."""

    half_life_days: Annotated[float, Real(1, 3650, log=True)] = Field(default=365.0, gt=0)
    """An event this many days before the newest one counts half."""


class Slit(Section):
    """SLIT, a linear model of what comes next."""

    regularisation: Annotated[float, Real(20, 10_000, log=True)] = Field(default=100.0, gt=0)
    """The ridge term."""
    half_life_items: Annotated[float, Real(2, 60, log=True)] = Field(default=8.0, gt=0)
    """An item this many positions before or after a moment weighs half in what is learned."""
    history_half_life_items: Annotated[float, Real(2, 100, log=True)] = Field(default=16.0, gt=0)
    """An item this many positions back in a history weighs half when the model is applied."""


class SearchKeyword(Section):
    """Keyword search: BM25 over titles, categories, descriptions and texts."""

    not_searched: ClassVar[str] = "lists are judged on events, which no recorded search belongs to"

    k1: float = Field(default=1.2, gt=0)
    """How soon further occurrences of a word stop counting."""
    b: float = Field(default=0.3, ge=0, le=1)
    """How much long documents are marked down."""
    title_weight: int = Field(default=2, ge=0)
    """How often a title is counted."""
    latest_searches: int = Field(default=5, ge=1)
    """A user's queries are taken of so many searches back."""
    half_life_searches: float = Field(default=2.0, gt=0)
    """A search this many searches back weighs half."""


class SearchSemantic(Section):
    """Semantic search: a query's vector against those of items and their texts."""

    not_searched: ClassVar[str] = "lists are judged on events, which no recorded search belongs to"

    latest_searches: int = Field(default=5, ge=1)
    """A user's queries are taken of so many searches back."""
    half_life_searches: float = Field(default=2.0, gt=0)
    """A search this many searches back weighs half."""


class Matching(Section):
    """The matchers and what they are fitted with."""

    matchers: tuple[str, ...] = Field(
        default=("cosine_max", "cosine_mean", "ease", "popularity", "slit"), min_length=1
    )
    """Which matchers score every user."""
    candidates: int = Field(default=100, ge=10)
    """Each matcher proposes so many items per user; the union is scored by all."""
    block_users: int = Field(default=128, ge=1)
    """Users scored at once: bounds the memory of scoring."""
    ease: Ease = Ease()
    popularity: Popularity = Popularity()
    slit: Slit = Slit()
    search_keyword: SearchKeyword = SearchKeyword()
    search_semantic: SearchSemantic = SearchSemantic()
