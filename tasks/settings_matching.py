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
    search_texts: int = Field(default=200_000, ge=1)
    """From so many texts on, cosine's best items are searched for in blocks: exactly, in bounded memory."""
    ann_texts: int = Field(default=2_000_000, ge=1)
    """From so many texts on, they are looked up in an approximate index."""
    ann_recall: float = Field(default=0.95, gt=0, le=1)
    """Share of the exact best candidates that the index must find, measured when it is made."""
