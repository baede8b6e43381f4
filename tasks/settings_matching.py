"""Settings of the matchers: a section for each, whose keys are the arguments that it is made with."""

from typing import Annotated, ClassVar

from pydantic import Field

from tasks.section import Section
from tasks.space import Real, Whole


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


class Cosine(Section):
    """Cosine of interests and texts: cosine_max, cosine_mean and cosine_logsumexp."""

    whitening: Annotated[float, Real(0, 0.95)] = Field(default=0.0, ge=0, lt=1)
    """0 only centres vectors; the nearer to 1, the more alike all directions of the texts vary."""
    temperature: Annotated[float, Real(0.01, 1, log=True)] = Field(default=0.1, ge=0.001)
    """Of cosine_logsumexp: near 0 it is the maximum over texts, the higher the more it is the mean."""


class CosineAttention(Section):
    """Cosine of interests and texts, weighed by learned attention over slots."""

    whitening: Annotated[float, Real(0, 0.95)] = Field(default=0.0, ge=0, lt=1)
    """0 only centres vectors; the nearer to 1, the more alike all directions of the texts vary."""
    epochs: Annotated[int, Whole(1, 40, log=True)] = Field(default=10, ge=0)
    """Passes over the events that it learns from."""
    learning_rate: Annotated[float, Real(0.001, 0.1, log=True)] = Field(default=0.01, gt=0)
    """Of AdamW."""
    weight_decay: Annotated[float, Real(0.0001, 1, log=True)] = Field(default=0.01, ge=0)
    """Pulls slots towards equal weights."""


class ContentKnn(Section):
    """What resembles what a user did, by vectors of items and texts."""

    neighbours: Annotated[int, Whole(10, 1000, log=True)] = Field(default=200, ge=1)
    """Of each item."""
    text_share: Annotated[float, Real(0, 1)] = Field(default=0.5, ge=0, le=1)
    """Of a similarity, the part of the texts; the rest is that of items' own vectors."""
    half_life_items: Annotated[float | None, Real(2, 100, log=True)] = Field(default=8.0, gt=0)
    """An item this many positions back in a history weighs half."""
    whitening: Annotated[float, Real(0, 0.95)] = Field(default=0.0, ge=0, lt=1)
    """0 only centres vectors; the nearer to 1, the more alike all their directions vary."""


class TwoTower(Section):
    """A network for histories and one for items' content, trained to meet."""

    text_share: Annotated[float, Real(0, 1)] = Field(default=0.5, ge=0, le=1)
    """What texts weigh beside items' own vectors."""
    components: Annotated[int, Whole(16, 256, log=True)] = Field(default=128, ge=1)
    """Principal components of these vectors that the towers read."""
    hidden: Annotated[int, Whole(32, 256, log=True)] = Field(default=128, ge=1)
    """Units of the hidden layer of each tower."""
    outputs: Annotated[int, Whole(16, 128, log=True)] = Field(default=64, ge=1)
    """Dimensions in which the towers meet."""
    temperature: Annotated[float, Real(0.02, 0.5, log=True)] = Field(default=0.1, gt=0)
    """Cosines are divided by it in training."""
    epochs: Annotated[int, Whole(1, 30, log=True)] = Field(default=5, ge=1)
    """Passes over the events; the most, with a patience."""
    patience: int | None = Field(default=None, ge=1)
    """Stop when so many epochs bring nothing better on the newest events, which are not learned from then."""
    batch: int = Field(default=512, ge=2)
    """Examples at once; the others' items are what an item is told from."""
    learning_rate: Annotated[float, Real(0.0001, 0.01, log=True)] = Field(default=0.001, gt=0)
    """Of Adam."""
    dropout: Annotated[float, Real(0, 0.6)] = Field(default=0.3, ge=0, lt=1)
    """Share of hidden units that are left out of each step."""
    max_events: int = Field(default=200_000, ge=1)
    """Events learned from at most, drawn at random beyond."""


class FactorMap(Section):
    """EASE foretold from content: for items that nobody has seen yet."""

    regularisation: Annotated[float, Real(20, 5000, log=True)] = Field(default=500.0, gt=0)
    """The ridge term lambda of EASE."""
    ridge: Annotated[float, Real(0.1, 100, log=True)] = Field(default=3.0, gt=0)
    """The ridge term of the regression on content."""
    width: Annotated[float, Real(0.5, 10, log=True)] = Field(default=3.0, gt=0)
    """The higher, the nearer in content an item must be to count."""
    text_share: Annotated[float, Real(0, 1)] = Field(default=0.5, ge=0, le=1)
    """Of nearness, the part of the texts; the rest is that of items' own vectors."""
    half_life_items: Annotated[float | None, Real(2, 100, log=True)] = Field(default=6.0, gt=0)
    """An item this many positions back in a history weighs half when the model is applied."""


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
    cosine: Cosine = Cosine()
    cosine_attention: CosineAttention = CosineAttention()
    content_knn: ContentKnn = ContentKnn()
    two_tower: TwoTower = TwoTower()
    factor_map: FactorMap = FactorMap()
