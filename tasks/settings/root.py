"""Every setting of a run, read from a TOML file, then from POLYREC_* environment variables.

Sections map to stages. A nested key in the environment uses two underscores:
`POLYREC_FUSION__TRIALS=20`.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as EnvironmentSettingsError

from tasks.settings.cache import user_cache
from tasks.settings.corpus import Corpus
from tasks.settings.data import Catalogue, Data, Retention
from tasks.settings.embedding import Embedding
from tasks.settings.evaluation import Evaluation
from tasks.settings.fusion import Fusion
from tasks.settings.matching import Matching
from tasks.settings.renamed import replacement
from tasks.settings.visitors import Visitors
from warehouse.errors import SettingsError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PREFIX = "POLYREC_"
MOST_SHOWN = 200  # characters of a value in a message
PROJECT = Path(__file__).resolve().parents[2]


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
    cache: Path | None = None
    """Where prepared models are kept, for all homes: `polyrec` in the user's cache folder when not set."""
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

    @field_validator("cache", mode="before")
    @classmethod
    def _empty_is_not_set(cls, cache: object) -> object:
        return cache or None  # Path("") would be the folder one stands in

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
    def cache_folder(self) -> Path:
        """Where what is prepared once is kept, for every home to read.

        Raises:
            SettingsError: no cache is set, and the user has no folder for one.
        """
        return (self.cache or user_cache()).resolve()

    @property
    def models_folder(self) -> Path:
        """Where models are kept that were rewritten or fitted once."""
        return self.cache_folder / "models"

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
    for key in ("home", "base", "cache"):
        if isinstance(values.get(key), str):
            values[key] = path.resolve().parent / values[key]
    _check_environment()
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_one_line(error.errors()[0], path)) from None
    except EnvironmentSettingsError as error:
        raise SettingsError(
            f"an environment variable {PREFIX}... cannot be read: {error}; give JSON"
        ) from None


def _one_line(error: "ErrorDetails", path: Path) -> str:
    """What is wrong with a value, and where it was given."""
    loc, value = error["loc"], error.get("input")
    key = ".".join(str(part) for part in loc)
    variable = _variable_of(loc)
    source = f"environment variable {variable}" if variable else f"{path}: key '{key}'"
    if new := replacement(key, value):
        return f"{source} has another name now: write {_written(new, bool(variable))} in its place"
    return f"{source} is {_shown(value)}: {error['msg']}; see the comments in polyrec.toml"


def _variable_of(loc: tuple[int | str, ...]) -> str | None:
    """The environment variable that gave a value, alone or in JSON; None where the file did."""
    for n in range(len(loc), 0, -1):
        variable = f"{PREFIX}{'__'.join(str(part) for part in loc[:n])}".upper()
        with suppress(KeyError, ValueError, TypeError, IndexError):
            value = os.environ[variable]
            for part in loc[n:]:
                value = (json.loads(value) if isinstance(value, str) else value)[part]
            return variable
    return None


def _written(values: Mapping[str, object], as_variables: bool) -> str:
    """Keys and values as a person writes them, in a section of the file or in the environment."""
    names = [
        f"{PREFIX}{key.replace('.', '__')}".upper() if as_variables else key.rpartition(".")[2]
        for key in values
    ]
    sign = "=" if as_variables else " = "
    pairs = zip(names, values.values(), strict=True)
    return " and ".join(name if value is None else f"{name}{sign}{_shown(value)}" for name, value in pairs)


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
