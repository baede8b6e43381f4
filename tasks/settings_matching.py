"""Settings of the matchers: a section for each, whose keys are the arguments that it is made with."""

from pydantic import Field

from tasks.section import Section


class Ease(Section):
    """EASE, applied to recency-weighted histories."""

    regularisation: float = Field(default=500.0, gt=0)
    """The ridge term lambda."""
    half_life_items: float | None = Field(default=8.0, gt=0)
    """An item this many positions back in a history weighs half when the model is applied."""


class Popularity(Section):
    """Time-decayed popularity."""

    half_life_days: float = Field(default=365.0, gt=0)
    """An event this many days before the newest one counts half."""


class Slit(Section):
    """SLIT, a linear model of what comes next."""

    regularisation: float = Field(default=100.0, gt=0)
    """The ridge term."""
    half_life_items: float = Field(default=8.0, gt=0)
    """An item this many positions before or after a moment weighs half in what is learned."""
    history_half_life_items: float = Field(default=16.0, gt=0)
    """An item this many positions back in a history weighs half when the model is applied."""


class Cosine(Section):
    """Cosine of interests and texts: cosine_max, cosine_mean and cosine_logsumexp."""

    whitening: float = Field(default=0.2, ge=0, lt=1)
    """0 only centres vectors; the nearer to 1, the more alike all directions of the texts vary."""
    temperature: float = Field(default=0.3, ge=0.001)
    """Of cosine_logsumexp: near 0 it is the maximum over texts, the higher the more it is the mean."""


class CosineAttention(Section):
    """Cosine of interests and texts, weighed by learned attention over slots."""

    whitening: float = Field(default=0.2, ge=0, lt=1)
    """0 only centres vectors; the nearer to 1, the more alike all directions of the texts vary."""
    epochs: int = Field(default=10, ge=0)
    """Passes over the events that it learns from."""
    learning_rate: float = Field(default=0.01, gt=0)
    """Of AdamW."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Pulls slots towards equal weights."""


class ContentKnn(Section):
    """What resembles what a user did, by vectors of items and texts."""

    neighbours: int = Field(default=500, ge=1)
    """Of each item."""
    text_share: float = Field(default=0.5, ge=0, le=1)
    """Of a similarity, the part of the texts; the rest is that of items' own vectors."""
    half_life_items: float | None = Field(default=8.0, gt=0)
    """An item this many positions back in a history weighs half."""
    whitening: float = Field(default=0.0, ge=0, lt=1)
    """0 only centres vectors; the nearer to 1, the more alike all their directions vary."""


class TwoTower(Section):
    """A network for histories and one for items' content, trained to meet."""

    text_share: float = Field(default=0.5, ge=0, le=1)
    """What texts weigh beside items' own vectors."""
    components: int = Field(default=128, ge=1)
    """Principal components of these vectors that the towers read."""
    hidden: int = Field(default=128, ge=1)
    """Units of the hidden layer of each tower."""
    outputs: int = Field(default=64, ge=1)
    """Dimensions in which the towers meet."""
    temperature: float = Field(default=0.1, gt=0)
    """Cosines are divided by it in training."""
    epochs: int = Field(default=8, ge=1)
    """Passes over the events; the most, with a patience."""
    patience: int | None = Field(default=None, ge=1)
    """Stop when so many epochs bring nothing better on the newest events, which are not learned from then."""
    batch: int = Field(default=512, ge=2)
    """Examples at once; the others' items are what an item is told from."""
    learning_rate: float = Field(default=0.001, gt=0)
    """Of Adam."""
    dropout: float = Field(default=0.3, ge=0, lt=1)
    """Share of hidden units that are left out of each step."""
    max_events: int = Field(default=200_000, ge=1)
    """Events learned from at most, drawn at random beyond."""


class FactorMap(Section):
    """EASE foretold from content: for items that nobody has seen yet."""

    regularisation: float = Field(default=500.0, gt=0)
    """The ridge term lambda of EASE."""
    ridge: float = Field(default=3.0, gt=0)
    """The ridge term of the regression on content."""
    width: float = Field(default=3.0, gt=0)
    """The higher, the nearer in content an item must be to count."""
    text_share: float = Field(default=0.5, ge=0, le=1)
    """Of nearness, the part of the texts; the rest is that of items' own vectors."""
    half_life_items: float | None = Field(default=6.0, gt=0)
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
    cosine: Cosine = Cosine()
    cosine_attention: CosineAttention = CosineAttention()
    content_knn: ContentKnn = ContentKnn()
    two_tower: TwoTower = TwoTower()
    factor_map: FactorMap = FactorMap()
