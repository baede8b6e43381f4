"""A section of [matching] for each matcher: it is made with the whole of it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from tasks.settings.section import Section
from tasks.settings.space import Choice, Real, Tried, Whole

Augmentation = Literal["none", "crop", "mask", "substitute", "all"]


class EaseSettings(Section):
    """EASE, applied to recency-weighted histories."""

    regularisation: Annotated[float, Real(20, 5000, log=True), Tried(100.0, 500.0, 2000.0)] = Field(
        default=500.0, gt=0
    )
    """The ridge term lambda."""
    half_life_items: Annotated[float | None, Real(2, 100, log=True), Tried(4.0, 8.0, 30.0)] = Field(
        default=8.0, gt=0
    )
    """An item this many positions back in a history weighs half when the model is applied."""
    side_information_weight: Annotated[float, Real(0, 100)] = Field(default=10.0, ge=0)
    """What an item's categories and vector weigh beside a user's events."""
    temporal_co_occurrence: Annotated[float, Real(0, 10), Tried(0.0, 1.0)] = Field(default=0.0, ge=0)
    """What two events near each other in a history weigh, beside two anywhere in it; 0 leaves it out."""
    co_occurrence_half_life_items: Annotated[float, Real(2, 50, log=True)] = Field(default=8.0, gt=0)
    """Two events so many positions apart count half in temporal_co_occurrence."""


class PopularitySettings(Section):
    """Time-decayed popularity."""

    half_life_days: Annotated[float, Real(1, 3650, log=True)] = Field(default=365.0, gt=0)
    """An event this many days before the newest one counts half."""


class SlitSettings(Section):
    """SLIT, a linear model of what comes next."""

    regularisation: Annotated[float, Real(20, 10_000, log=True), Tried(100.0, 500.0, 2000.0)] = Field(
        default=100.0, gt=0
    )
    """The ridge term."""
    half_life_items: Annotated[float, Real(2, 60, log=True), Tried(3.0, 8.0)] = Field(default=8.0, gt=0)
    """An item this many positions from the end of a training prefix weighs half in what is learned."""
    history_half_life_items: Annotated[float, Real(2, 100, log=True), Tried(4.0, 16.0, 60.0)] = Field(
        default=16.0, gt=0
    )
    """An item this many positions back in a history weighs half when the model is applied."""


class SearchSettings(Section):
    """What all matchers by recorded searches have in common."""

    not_searched: ClassVar[str] = "lists are compared with events, which no recorded search belongs to"

    latest_searches: int = Field(default=5, ge=1)
    """A user's queries are taken of so many searches back."""
    half_life_searches: float = Field(default=2.0, gt=0)
    """A search this many searches back weighs half."""


class SearchKeywordSettings(SearchSettings):
    """Keyword search: BM25 over titles, categories, descriptions and texts."""

    k1: float = Field(default=1.2, gt=0)
    """How soon further occurrences of a word stop counting."""
    b: float = Field(default=0.3, ge=0, le=1)
    """How much long documents are marked down."""
    title_weight: int = Field(default=2, ge=0)
    """How often a title is counted."""


class SearchSemanticSettings(SearchSettings):
    """Semantic search: a query's vector against those of items and their texts."""


class TextCosineSettings(Section):
    """What all matchers by the cosine of interests and texts have in common."""

    whitening: Annotated[float, Real(0, 0.95)] = Field(default=0.2, ge=0, lt=1)
    """0 only centres vectors; the nearer to 1, the more alike all directions of the texts vary."""


class CosineSettings(TextCosineSettings):
    """Cosine of interests and texts: cosine_max, cosine_mean and cosine_logsumexp."""

    temperature: Annotated[float, Real(0.01, 1, log=True)] = Field(default=0.3, ge=0.001)
    """For cosine_logsumexp: near 0 it is the maximum over texts; the higher, the more it is the mean."""


class CosineAttentionSettings(TextCosineSettings):
    """Cosine of interests and texts, weighed by learned attention over slots."""

    epochs: Annotated[int, Whole(1, 40, log=True)] = Field(default=10, ge=0)
    """Passes over the events that it learns from."""
    learning_rate: Annotated[float, Real(0.001, 0.1, log=True)] = Field(default=0.01, gt=0)
    """The learning rate of AdamW."""
    weight_decay: Annotated[float, Real(0.0001, 1, log=True)] = Field(default=0.01, ge=0)
    """Pulls slots towards equal weights."""


class ContentKnnSettings(Section):
    """Items that resemble those of a history, by vectors of items and texts."""

    neighbours: Annotated[int, Whole(10, 1000, log=True)] = Field(default=500, ge=1)
    """How many neighbours of an item count."""
    text_share: Annotated[float, Real(0, 1)] = Field(default=0.5, ge=0, le=1)
    """The share of the texts in a similarity; the rest is that of items' own vectors."""
    half_life_items: Annotated[float | None, Real(2, 100, log=True)] = Field(default=8.0, gt=0)
    """An item this many positions back in a history weighs half."""
    whitening: Annotated[float, Real(0, 0.95)] = Field(default=0.0, ge=0, lt=1)
    """0 only centres vectors; the nearer to 1, the more alike all their directions vary."""


class TwoTowerSettings(Section):
    """A network for histories and one for items' content, trained to meet."""

    text_share: Annotated[float, Real(0, 1)] = Field(default=0.5, ge=0, le=1)
    """What texts weigh beside items' own vectors."""
    components: Annotated[int, Whole(16, 256, log=True)] = Field(default=128, ge=1)
    """Principal components of these vectors that the towers read."""
    hidden: Annotated[int, Whole(32, 256, log=True)] = Field(default=128, ge=1)
    """Units of the hidden layer of each tower."""
    outputs: Annotated[int, Whole(16, 128, log=True)] = Field(default=64, ge=1)
    """Dimensions in which the towers meet."""
    temperature: Annotated[float, Real(0.02, 0.5, log=True), Tried(0.1, 0.2)] = Field(default=0.1, gt=0)
    """Cosines are divided by it in training."""
    epochs: Annotated[int, Whole(1, 30, log=True), Tried(4, 8, 20)] = Field(default=8, ge=1)
    """Passes over the events; with a patience, the most there can be."""
    patience: int | None = Field(default=None, ge=1)
    """Stop after so many epochs without a gain on the newest events, which are then not learned from."""
    batch: int = Field(default=512, ge=2)
    """Examples in a step; the items of the others are an example's negatives."""
    learning_rate: Annotated[float, Real(0.0001, 0.01, log=True)] = Field(default=0.001, gt=0)
    """The learning rate of Adam."""
    dropout: Annotated[float, Real(0, 0.6)] = Field(default=0.3, ge=0, lt=1)
    """Share of hidden units that are left out of each step."""
    max_events: int = Field(default=200_000, ge=1)
    """It learns from at most so many events, drawn at random if there are more."""
    augmentation: Augmentation = "none"
    """Learn also from an altered copy of histories under 50 events: crop, mask, substitute, or all."""


class FactorMapSettings(Section):
    """EASE predicted from content: for items that nobody has seen yet."""

    regularisation: Annotated[float, Real(20, 5000, log=True)] = Field(default=500.0, gt=0)
    """The ridge term lambda of EASE."""
    ridge: Annotated[float, Real(0.1, 100, log=True)] = Field(default=3.0, gt=0)
    """The ridge term of the regression on content."""
    width: Annotated[float, Real(0.5, 10, log=True)] = Field(default=3.0, gt=0)
    """The higher, the nearer in content an item must be to count."""
    text_share: Annotated[float, Real(0, 1)] = Field(default=0.5, ge=0, le=1)
    """The share of the texts in a similarity; the rest is that of items' own vectors."""
    half_life_items: Annotated[float | None, Real(2, 100, log=True)] = Field(default=6.0, gt=0)
    """An item this many positions back in a history weighs half when the model is applied."""


class PlainEaseSettings(EaseSettings):
    """A second EASE with settings of its own: as published, it forgets nothing."""

    regularisation: Annotated[float, Real(20, 5000, log=True), Tried(100.0, 300.0, 1000.0, 3000.0)] = Field(
        default=300.0, gt=0
    )
    """The ridge term lambda."""
    half_life_items: float | None = Field(default=None, gt=0)
    """An item this many positions back in a history weighs half when the model is applied."""
    temporal_co_occurrence: Annotated[float, Real(0, 10)] = Field(default=0.0, ge=0)
    """What two events near each other in a history weigh, beside two anywhere in it; 0 leaves it out."""


class InfiniteAeSettings(Section):
    """An infinitely wide autoencoder: people are alike by their events and the content of these."""

    regularisation: Annotated[float, Real(0.1, 20, log=True), Tried(0.5, 2.0, 8.0)] = Field(default=2.0, gt=0)
    """The ridge term, beside a user's kernel with itself, which is 1."""
    content: Annotated[float, Real(0, 1.5)] = Field(default=0.6, ge=0)
    """What similarity of content weighs beside the items themselves; 0 leaves it out."""
    discount: Annotated[float, Real(0, 0.5)] = Field(default=0.0, ge=0)
    """How much less items count that many users have; 0 counts all alike."""
    layers: Annotated[int, Whole(1, 3)] = Field(default=2, ge=1, le=12)
    """Layers of the network."""
    learned_half_life_items: Annotated[float | None, Real(10, 200, log=True)] = Field(default=50.0, gt=0)
    """An item this many positions back weighs half in the histories that are learned from."""
    half_life_items: Annotated[float | None, Real(2, 100, log=True), Tried(4.0, 8.0, 30.0)] = Field(
        default=8.0, gt=0
    )
    """An item this many positions back in a history weighs half when the model is applied."""
    landmarks: int = Field(default=4096, ge=1)
    """At most so many users, drawn by the seed, stand for all: it bounds time and memory."""


class IalsSettings(Section):
    """iALS, implicit alternating least squares."""

    factors: Annotated[int, Whole(16, 256, log=True)] = Field(default=64, ge=1, le=1024)
    """The length of a user's and an item's vector."""
    epochs: Annotated[int, Whole(4, 20)] = Field(default=10, ge=1)
    """How often users and items are solved for in turn."""
    unobserved: Annotated[float, Real(0.01, 1, log=True), Tried(0.03, 0.1, 0.3)] = Field(default=0.3, gt=0)
    """What a pair without an event weighs beside one with."""
    regularisation: Annotated[float, Real(0.0005, 0.1, log=True), Tried(0.003, 0.01)] = Field(
        default=0.01, gt=0
    )
    """The ridge term, times the weight of a user's or item's pairs to the power of scaling."""
    scaling: Annotated[float, Real(0, 1), Tried(0.5, 1.0)] = Field(default=1.0, ge=0, le=1)
    """How much more those with many events are regularised: 0 all alike, 1 in proportion."""
    half_life_items: Annotated[float | None, Real(2, 100, log=True), Tried(5.0, 20.0, 80.0)] = Field(
        default=5.0, gt=0
    )
    """An item this many positions back in a history weighs half when a user's vector is made."""


class CategoryPopularitySettings(Section):
    """Popularity within the categories of a history."""

    half_life_days: Annotated[float, Real(1, 3650, log=True)] = Field(default=365.0, gt=0)
    """An event this many days before the newest one counts half."""
    half_life_items: Annotated[float, Real(2, 200, log=True)] = Field(default=20.0, gt=0)
    """An item this many positions back in a history counts half for its categories."""


class SasrecSettings(Section):
    """SASRec, self-attention over what a user did in order."""

    factors: Annotated[int, Choice(32, 64, 128)] = Field(default=64, ge=2, le=1024, multiple_of=2)
    """The length of an item's vector: an even number."""
    blocks: Annotated[int, Whole(1, 3)] = Field(default=1, ge=1, le=12)
    """How many blocks of self-attention there are."""
    length: Annotated[int, Whole(20, 200, log=True)] = Field(default=50, ge=2, le=1000)
    """It reads so many of the newest items of a history."""
    dropout: Annotated[float, Real(0, 0.6)] = Field(default=0.3, ge=0, lt=1)
    """The share of values set to 0 in training."""
    epochs: Annotated[int, Whole(4, 60, log=True), Tried(14, 40)] = Field(default=14, ge=1)
    """Passes over all histories, the same at every fit; with a patience, the most there can be."""
    batch: int = Field(default=64, ge=1)
    """Sequences of a training step."""
    learning_rate: Annotated[float, Real(0.0003, 0.01, log=True)] = Field(default=0.003, gt=0)
    """The learning rate of Adam."""
    half_life_items: Annotated[float, Real(1, 40, log=True)] = Field(default=4.0, gt=0)
    """A next item this many places ahead is a target of training half as often."""
    negatives: Annotated[int, Choice(0, 512)] = Field(default=512, ge=0)
    """Negatives drawn at each step; 0 takes all items."""
    text_start: Annotated[bool, Choice(True, False)] = True
    """Whether item vectors start from the main components of their texts' vectors and their own."""
    patience: int = Field(default=0, ge=0)
    """Above 0: stop after so many epochs without a gain on the last tenth of histories."""
    augmentation: Augmentation = "none"
    """Learn also from an altered copy of histories under 50 events: crop, mask, substitute, or all."""


class ExternalSettings(Section):
    """Scores of a model outside, in a Parquet file with user_id, item_id and score for each fit."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)
    """The name under which [matching] matchers chooses it."""
    files: str = Field(min_length=1)
    """Path relative to this file; {fit} is train, train_validation or all: the events it may know."""

    @field_validator("files")
    @classmethod
    def _check_fit(cls, files: str) -> str:
        if "{fit}" not in files:
            raise ValueError(
                f"{files!r} has no {{fit}}; scores of one file would know what is held back: "
                "write one file a fit and put {fit} into its name"
            )
        return files


class RelevanceSettings(Section):
    """How relevant a language model finds some users' candidates: log p(text | context) - log p(text)."""

    enabled: bool = False
    """Whether matching asks for it, which takes minutes; `polyrec relevance` does in any case."""
    users: int = Field(default=100, ge=2)
    """So many users are drawn, by the seed, among those with history in fit train."""
    candidates: int = Field(default=20, ge=2, le=100)
    """How many items of a user get relevance labels: those that the matchers together rank first."""
    items: int = Field(default=10, ge=1, le=50)
    """So many of the items that the user had last are named in the prompt."""
    with_title: bool = False
    """Whether a text is read after its item's title: longer, but then the model knows the item."""
    precision: Literal["bf16", "f32"] = "f32"
    """For the engine "openvino": relevance is a small difference of large sums."""
    per_token: bool = False
    """Whether a text's relevance is divided by its length in tokens."""
    reduction: Literal["max", "mean"] = "mean"
    """How the figures of an item's K texts become one."""


class RelevanceStudentSettings(Section):
    """The student: a small network that learned the language model's relevance labels, for all pairs."""

    hidden: Annotated[int, Whole(8, 128, log=True)] = Field(default=32, ge=2)
    """Width of its layers."""
    epochs: Annotated[int, Whole(5, 100, log=True)] = Field(default=30, ge=1)
    """So often it sees every label."""
    learning_rate: Annotated[float, Real(0.0003, 0.03, log=True)] = Field(default=0.003, gt=0)
    """The learning rate of AdamW."""
    weight_decay: Annotated[float, Real(0.001, 1, log=True)] = Field(default=0.1, ge=0)
    """The weight decay of AdamW: there are few labels."""
    reduction: Literal["max", "mean"] = "mean"
    """How the scores of an item's K texts become one."""


class CrossEncoderSettings(Section):
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
    """Negatives for each positive."""
    learning_rate: float = Field(default=0.00005, gt=0)
    """The highest learning rate of AdamW."""
