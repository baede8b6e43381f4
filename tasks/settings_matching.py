"""Settings of the matchers: a section for each, whose keys are the arguments that it is made with."""

from typing import Literal

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


class Relevance(Section):
    """A language model's judgement of some users' candidates: log p(text | context) - log p(text)."""

    enabled: bool = False
    """Whether matching asks for it, which takes minutes; `polyrec relevance` does in any case."""
    users: int = Field(default=100, ge=2)
    """So many users are drawn, by the seed, among those with history in fit train."""
    candidates: int = Field(default=20, ge=2, le=100)
    """Of each user so many items are judged: those that the matchers together rank first."""
    items: int = Field(default=10, ge=1, le=50)
    """So many of the items that the user had last are named in the prompt."""
    with_title: bool = False
    """Whether a text is read after its item's title: longer, but then the model knows the item."""
    precision: Literal["bf16", "f32"] = "f32"
    """Of the engine "openvino": relevance is a small difference of large sums."""
    per_token: bool = False
    """Whether a text's relevance is divided by its length in tokens."""
    reduction: Literal["max", "mean"] = "mean"
    """Of an item's K texts to one figure."""


class RelevanceStudent(Section):
    """The student: a small network that learned the language model's judgements, for all pairs."""

    hidden: int = Field(default=32, ge=2)
    """Width of its layers."""
    epochs: int = Field(default=30, ge=1)
    """So often it sees every judgement."""
    learning_rate: float = Field(default=0.003, gt=0)
    """Of AdamW."""
    weight_decay: float = Field(default=0.1, ge=0)
    """Of AdamW: there are few judgements."""
    reduction: Literal["max", "mean"] = "mean"
    """Of an item's K texts to one score."""


class CrossEncoder(Section):
    """The cross-encoder: MiniLM, tuned on pairs of a user's history and an item."""

    items: int = Field(default=5, ge=1, le=50)
    """So many of the items that the user had last are read."""
    max_tokens: int = Field(default=96, ge=16, le=256)
    """History and item together are cut after so many tokens."""
    steps: int = Field(default=150, ge=0)
    """Steps of training: its budget."""
    groups: int = Field(default=4, ge=1)
    """Positives in a step."""
    negatives: int = Field(default=3, ge=1)
    """Candidates that each positive is to be told from."""
    learning_rate: float = Field(default=0.00005, gt=0)
    """Of AdamW, at its highest."""


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
    relevance: Relevance = Relevance()
    relevance_student: RelevanceStudent = RelevanceStudent()
    cross_encoder: CrossEncoder = CrossEncoder()
