"""Settings of the matchers: a section for each, whose keys are the arguments that it is made with."""

from pydantic import Field, field_validator

from tasks.section import Section


class Ease(Section):
    """EASE, applied to recency-weighted histories."""

    regularisation: float = Field(default=500.0, gt=0)
    """The ridge term lambda."""
    half_life_items: float | None = Field(default=8.0, gt=0)
    """An item this many positions back in a history weighs half when the model is applied."""
    content: float = Field(default=10.0, ge=0)
    """What an item's categories and vector weigh beside a user's events, as side information."""


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


class PlainEase(Section):
    """A second EASE with settings of its own: as published, it forgets nothing."""

    regularisation: float = Field(default=300.0, gt=0)
    """The ridge term lambda."""
    half_life_items: float | None = Field(default=None, gt=0)
    """An item this many positions back in a history weighs half when the model is applied."""
    content: float = Field(default=10.0, ge=0)
    """What an item's categories and vector weigh beside a user's events, as side information."""


class Ials(Section):
    """iALS, implicit alternating least squares."""

    factors: int = Field(default=64, ge=1, le=1024)
    """The length of a user's and an item's vector."""
    epochs: int = Field(default=10, ge=1)
    """How often users and items are solved for in turn."""
    unobserved: float = Field(default=0.3, gt=0)
    """What a pair without an event weighs beside one with."""
    regularisation: float = Field(default=0.01, gt=0)
    """The ridge term, times the weight of a user's or item's pairs to the power of scaling."""
    scaling: float = Field(default=1.0, ge=0, le=1)
    """Whether those with much to learn from are regularised more: 0 all alike, 1 in proportion."""
    half_life_items: float | None = Field(default=5.0, gt=0)
    """An item this many positions back in a history weighs half when a user's vector is made."""


class CategoryPopularity(Section):
    """Popularity within the categories of a history."""

    half_life_days: float = Field(default=365.0, gt=0)
    """An event this many days before the newest one counts half."""
    half_life_items: float = Field(default=20.0, gt=0)
    """An item this many positions back in a history counts half for its categories."""


class Sasrec(Section):
    """SASRec, self-attention over what a user did in order."""

    factors: int = Field(default=64, ge=2, le=1024)
    """The length of an item's vector: an even number."""
    blocks: int = Field(default=1, ge=1, le=12)
    """How many blocks of self-attention there are."""
    length: int = Field(default=50, ge=2, le=1000)
    """It reads so many of the newest items of a history."""
    dropout: float = Field(default=0.3, ge=0, lt=1)
    """The share of values set to 0 in training."""
    epochs: int = Field(default=14, ge=1)
    """How often all histories are read in training, at every fit alike (but see patience)."""
    batch: int = Field(default=64, ge=1)
    """Sequences of a training step."""
    learning_rate: float = Field(default=0.003, gt=0)
    """Of Adam."""
    half_life_items: float = Field(default=4.0, gt=0)
    """Of the items that come next, one this many places ahead is asked for half as often."""
    negatives: int = Field(default=512, ge=0)
    """A target is told from so many items drawn at each step; 0 takes all items."""
    text_start: bool = True
    """Whether the vectors of items begin as the main components of their texts' and their own."""
    patience: int = Field(default=0, ge=0)
    """Above 0, it stops sooner: when the last tenth of histories is predicted no better so many times."""


class External(Section):
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
    ease_plain: PlainEase = PlainEase()
    ials: Ials = Ials()
    category_popularity: CategoryPopularity = CategoryPopularity()
    sasrec: Sasrec = Sasrec()
    external: tuple[External, ...] = ()

    @field_validator("external")
    @classmethod
    def _check_names(cls, external: tuple[External, ...]) -> tuple[External, ...]:
        names = [one.name for one in external]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two external models are called {twice[0]!r}; give each a name of its own")
        return external

    @property
    def chosen_external(self) -> tuple[External, ...]:
        """Those that are among the matchers."""
        return tuple(one for one in self.external if one.name in self.matchers)
