"""The settings of corpus: how the K recommendation texts of every item are written."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from tasks.settings.angles import ANGLE_SETS, Angle, AngleSetName, built_in
from tasks.settings.openai import OpenAi
from tasks.settings.section import Section

Precision = Literal["bf16", "f32"]


class Quality(Section):
    """What a text must reach; one that does not is written again, at last replaced by a plain one."""

    min_words: int = Field(default=5, ge=1, le=100)
    """A text has at least so many words."""
    max_words: int = Field(default=60, ge=5, le=1000)
    """A text has at most so many words."""
    max_repetition: float = Field(default=0.15, ge=0, le=1)
    """At most this share of a text's pairs of neighbouring words may repeat an earlier pair."""
    min_faithfulness: float = Field(default=1.0, ge=0, le=1)
    """At least this share of a text's names and numbers (in German: numbers) is in the item's data."""


class Safety(Section):
    """What keeps a text from being shown."""

    languages: tuple[str, ...] = Field(default=("en",), min_length=1)
    """Texts are searched for profanity of these languages: codes such as "de"."""


class Rewrite(Section):
    """A second pass, which reads an item's texts and writes each again to say what the others do not."""

    enabled: bool = False
    """Whether there is one: it takes longer than the first."""
    max_minutes: float = Field(default=60.0, gt=0)
    """After so many minutes a run begins no further batch of it; the next run goes on."""
    max_item_rank: int = Field(default=1, ge=1)
    """The highest rank that a text's own item may have among all items, by vector: 1 is the nearest."""


class Corpus(Section):
    """How the K recommendation texts of every item are written."""

    engine: Literal["openvino", "transformers", "openai"] = "openvino"
    """The language-model engine."""
    precision: Precision = "bf16"
    """For "openvino": bf16 is faster, if the processor has it; in f32 batches hardly change a text."""
    transformers_model: Path | None = None
    """For "transformers": the folder of another model that reads ChatML, as save_pretrained writes it."""
    angle_set: AngleSetName = "films"
    """Built-in angles, and what an item is called with them."""
    noun: str = Field(default=built_in("films").noun, min_length=1, max_length=40)
    """What an item is called in prompts; the angle set's own word when not set."""
    angles: tuple[Angle, ...] = Field(default=built_in("films").angles, min_length=1, max_length=16)
    """One text per item is written from each angle: K is their number. In place of the angle set's."""
    description_words: int = Field(default=40, ge=0, le=400)
    """Prompts hold so many words of a description, and of each column declared as content."""
    max_new_tokens: int = Field(default=40, ge=4, le=512)
    """A cap on the length of a text; a text ends at its first sentence end."""
    attempts: int = Field(default=2, ge=1, le=10)
    """How often a text is written, with another seed each time, until it is good enough."""
    temperature: float = Field(default=0.7, gt=0, le=2)
    """Sampling temperature."""
    top_k: int = Field(default=40, ge=1)
    """Sample among the k likeliest tokens."""
    shard_items: int = Field(default=128, ge=1, le=1024)
    """About how many items are written and committed together: what a killed run loses at most."""
    batch_items: int = Field(default=40, ge=1, le=256)
    """How many items the model reads at once: bounds its memory."""
    quality: Quality = Quality()
    safety: Safety = Safety()
    rewrite: Rewrite = Rewrite()
    openai: OpenAi = Field(default=OpenAi(), validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _take_from_set(cls, values: Any) -> Any:
        """Take what is not set from the angle set, if there is one of that name."""
        name = values.get("angle_set") if isinstance(values, dict) else None
        if name not in ANGLE_SETS:
            return values
        return {**built_in(name)._asdict(), **values}

    @field_validator("angles")
    @classmethod
    def _check_names(cls, angles: tuple[Angle, ...]) -> tuple[Angle, ...]:
        names = [angle.name for angle in angles]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two angles are called {twice[0]!r}; give each a name of its own")
        return angles

    @field_validator("openai")
    @classmethod
    def _check_model(cls, openai: OpenAi, info: ValidationInfo) -> OpenAi:
        if info.data.get("engine") == "openai" and not openai.model:
            raise ValueError('engine = "openai" needs the model\'s name; set model in [corpus.openai]')
        return openai

    @field_validator("rewrite")
    @classmethod
    def _check_others(cls, rewrite: Rewrite, info: ValidationInfo) -> Rewrite:
        if rewrite.enabled and len(info.data.get("angles", ())) == 1:
            raise ValueError(
                "a text is written again to say what an item's others do not, and one angle gives no others; "
                "add another [[corpus.angles]], or set enabled = false"
            )
        return rewrite

    @property
    def languages(self) -> dict[str, str]:
        """The language of each angle's texts, by the angle's name."""
        return {angle.name: angle.language for angle in self.angles}

    @property
    def written_by(self) -> str:
        """The engine's name, with the model's where that is a choice: texts of several live side by side."""
        match self.engine:
            case "openai":
                return f"openai/{self.openai.model}"
            case "transformers" if self.transformers_model:
                return f"transformers/{self.transformers_model.name}"
            case _:
                return self.engine
