"""Every setting of a run, read from a TOML file, then from POLYREC_* environment variables.

Sections map to stages. A nested key in the environment uses two underscores:
`POLYREC_FUSION__TRIALS=20`.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as EnvironmentSettingsError

from tasks.point_rule import PointRule
from tasks.rule_conflicts import AsWritten, contradiction, today
from tasks.section import Section
from tasks.settings_angles import ANGLE_SETS, Angle, AngleSetName, built_in
from tasks.settings_data import Catalogue, Data, Retention
from tasks.settings_matching import Matching
from tasks.settings_openai import OpenAi
from tasks.settings_rewrite import Rewrite
from tasks.settings_rules import Rule
from tasks.settings_visitors import Visitors

PREFIX = "POLYREC_"
MOST_SHOWN = 200  # characters of a value in a message
PROJECT = Path(__file__).resolve().parent.parent


class SettingsError(ValueError):
    """A configuration file that cannot be used; the message names the key and what it may be."""


class Quality(Section):
    """What a text must reach; one that does not is written again, at last replaced by a plain one."""

    min_words: int = Field(default=5, ge=1, le=100)
    """A text has at least so many words."""
    max_words: int = Field(default=60, ge=5, le=1000)
    """A text has at most so many words."""
    max_repetition: float = Field(default=0.15, ge=0, le=1)
    """Of a text's pairs of neighbouring words, at most this share may have stood in it before."""
    min_faithfulness: float = Field(default=1.0, ge=0, le=1)
    """Of a text's names and numbers, at least this share is in the item's data; in German, of its numbers."""


class Safety(Section):
    """What keeps a text from being shown."""

    languages: tuple[str, ...] = Field(default=("en",), min_length=1)
    """Texts are searched for profanity of these languages: codes such as "de"."""


Precision = Literal["bf16", "f32"]


class Corpus(Section):
    """How the K recommendation texts of every item are written."""

    engine: Literal["openvino", "transformers", "openai"] = "openvino"
    """The language-model engine."""
    precision: Precision = "bf16"
    """Of "openvino": bf16 is faster, if the processor has it; in f32 batches hardly change a text."""
    transformers_model: Path | None = None
    """Of "transformers": the folder of another model that reads ChatML, as save_pretrained writes it."""
    angle_set: AngleSetName = "films"
    """Built-in angles, and what an item is called with them."""
    noun: str = Field(default=built_in("films").noun, min_length=1, max_length=40)
    """What an item is called in prompts; the angle set's own word when not set."""
    angles: tuple[Angle, ...] = Field(default=built_in("films").angles, min_length=1, max_length=16)
    """One text per item is written from each angle: K is their number. In place of the angle set's."""
    description_words: int = Field(default=40, ge=0, le=400)
    """Of a description, and of each column declared as content, prompts hold so many words."""
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
    def written_by(self) -> str:
        """The engine's name, with the model's where that is a choice: texts of several live side by side."""
        match self.engine:
            case "openai":
                return f"openai/{self.openai.model}"
            case "transformers" if self.transformers_model:
                return f"transformers/{self.transformers_model.name}"
            case _:
                return self.engine


class Embedding(Section):
    """How texts, items and users become vectors."""

    encoder: Literal["minilm"] = "minilm"
    """The text encoder."""
    description_words: int = Field(default=40, ge=0, le=120)
    """Of a description, and of each column declared as content, so many words are encoded."""
    interests: int = Field(default=4, ge=1, le=16)
    """At most so many interest vectors a user."""
    half_life_items: float = Field(default=40.0, gt=0)
    """An item this many positions back in a history weighs half as much in an interest vector."""


class Fusion(Section):
    """How the matchers' scores become one list."""

    normaliser: Literal["zscore", "min_max", "rank", "sigmoid", "auto"] = "zscore"
    """How a user's scores are put on one scale, over the candidate union; "auto": the best out of fold."""
    method: Literal["weighted", "reciprocal_rank", "gated", "ranker", "auto"] = "auto"
    """How they become one score; "auto": weighted, unless another one is surely better out of fold."""
    trials: int = Field(default=200, ge=2)
    """Optuna trials of each weight search."""
    max_diversity: float = Field(default=0.8, ge=0, le=1)
    """The search tries diversity dials from 0 to this."""
    choose: str = "most_diverse_within_5_percent_ndcg"
    """Which point of the search is published; "most_accurate" is another one."""
    choose_diverse: str = "most_accurate_with_1.3_times_catalogue_and_1.12_times_ild"
    """A second, diverse point: times what the best single matcher has on validation."""
    list_length: int = Field(default=100, ge=1, le=1000)
    """How many items are published per user: the longest list that can be asked for."""
    reranker: Literal["mmr", "dpp", "calibrated"] = "dpp"
    """How lists are made diverse."""
    category_cap: int = Field(default=0, ge=0, le=1000)
    """At most so many items of one category, as long as the best 100 have others; 0 is no cap."""
    promote: Literal["when_better", "always", "never"] = "when_better"
    """When a search replaces the fusion model of the lists: "when_better" (surely), "always", "never"."""
    max_list_age_hours: float = Field(default=36.0, ge=0)
    """Published lists that no run has renewed, or found up to date, for so long raise an alert; 0: never."""

    @field_validator("choose", "choose_diverse")
    @classmethod
    def _check_rule(cls, name: str) -> str:
        return PointRule.parse(name).name

    rules: tuple[Rule, ...] = ()
    """What published lists must not hold, and what is moved in them."""

    @field_validator("rules")
    @classmethod
    def _check_rules(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        if why := contradiction(rules, AsWritten(), today()):
            raise ValueError(why)
        return rules


class Evaluation(Section):
    """What is measured, and how surely."""

    k: int = Field(default=10, ge=1, le=100)
    """Length of the lists that are judged."""
    more_k: tuple[Annotated[int, Field(ge=1, le=100)], ...] = (5, 20)
    """Lengths at which every metric is given, too; nothing is chosen by these."""
    min_value: float | None = None
    """Held-back events of a lower value are not relevant; by default all are, whatever their value."""
    resamples: int = Field(default=2000, ge=100)
    """Bootstrap resamples over users behind every interval."""

    @property
    def all_k(self) -> tuple[int, ...]:
        """Every length that is judged, the headline's first."""
        return (self.k, *sorted({*self.more_k} - {self.k}))


class Settings(BaseSettings):
    """All settings of a run."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    seed: int = Field(default=0, ge=0, lt=2**31)
    """Drives everything random: the same seed gives the same result."""
    home: Path = PROJECT
    """State lives below this folder (relative to this file)."""
    base: Path = PROJECT
    """Paths of files and models are relative to this folder: this file's own when not set."""
    lock_timeout_s: float = Field(default=600.0, ge=0)
    """How long a writer waits for another one to finish."""
    prefect_port: int = Field(default=4200, ge=1, le=65535)
    """Port of the Prefect server that `polyrec ui` starts."""
    mlflow_port: int = Field(default=5000, ge=1, le=65535)
    """Port of the MLflow server that `polyrec ui` starts."""
    data: Data = Data()
    catalogue: Catalogue = Catalogue()
    retention: Retention = Retention()
    corpus: Corpus = Corpus()
    embedding: Embedding = Embedding()
    matching: Matching = Matching()
    fusion: Fusion = Fusion()
    evaluation: Evaluation = Evaluation()
    visitors: Visitors = Visitors()

    @field_validator("corpus")
    @classmethod
    def _place_model(cls, corpus: Corpus, info: ValidationInfo) -> Corpus:
        if corpus.transformers_model is None:
            return corpus
        placed = (info.data.get("base", PROJECT) / corpus.transformers_model).resolve()
        return corpus.model_copy(update={"transformers_model": placed})

    @field_validator("matching")
    @classmethod
    def _place_external(cls, matching: Matching, info: ValidationInfo) -> Matching:
        base = info.data.get("base", PROJECT)
        placed = [one.model_copy(update={"files": str(base / one.files)}) for one in matching.external]
        return matching.model_copy(update={"external": tuple(placed)})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment above the file, whose values arrive as init arguments."""
        return env_settings, init_settings

    @property
    def data_folder(self) -> Path:
        """Where the warehouse keeps its files."""
        return self.home.resolve() / "warehouse" / "data"

    @property
    def models_folder(self) -> Path:
        """Where models are kept that were rewritten or fitted once, for every run to read."""
        return self.data_folder / "models"

    @property
    def mlflow_folder(self) -> Path:
        """Where MLflow keeps its files."""
        return self.home.resolve() / "mlflow" / "data"

    @property
    def mlflow_uri(self) -> str:
        """The tracking store: absolute, because a relative one depends on where a process was started."""
        return f"sqlite:///{self.mlflow_folder / 'mlflow.db'}"


def load_settings(config: Path | None = None) -> Settings:
    """Read settings from `config`, else from polyrec.toml in the project, else take the defaults.

    Raises:
        SettingsError: the file is missing, is not TOML, or a key or value is not one that exists.
    """
    path = config or PROJECT / "polyrec.toml"
    values: dict[str, Any] = {}
    if config is not None or path.exists():
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingsError(f"no configuration file {path}; give an existing one with --config") from None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"cannot read {path}: {error}; give a UTF-8 TOML file with --config"
            ) from None
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{path} is not valid TOML: {error}; mend that line") from None
    values.setdefault("base", ".")
    for key in ("home", "base"):
        if isinstance(values.get(key), str):
            values[key] = path.resolve().parent / values[key]
    _check_environment()
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        variable = f"{PREFIX}{key.replace('.', '__')}".upper()
        source = f"environment variable {variable}" if variable in os.environ else f"{path}: key '{key}'"
        raise SettingsError(
            f"{source} is {_shown(first.get('input'))}: {first['msg']}; see the comments in polyrec.toml"
        ) from None
    except EnvironmentSettingsError as error:
        raise SettingsError(
            f"an environment variable {PREFIX}... cannot be read: {error}; give JSON"
        ) from None


def _shown(value: object) -> str:
    """A value as a message of one line shows it."""
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _check_environment() -> None:
    """Refuse POLYREC_ variables that name no setting: pydantic-settings passes over them."""
    for variable in os.environ:
        if variable.upper().startswith(PREFIX):
            key = variable[len(PREFIX) :].split("__")[0].lower()
            if key not in Settings.model_fields:
                raise SettingsError(
                    f"environment variable {variable} names no setting; known are "
                    f"{', '.join(f'{PREFIX}{name.upper()}' for name in Settings.model_fields)}"
                )
