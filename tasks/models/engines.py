"""Language-model engines by name; each is loaded where it is first needed, and kept until it is forgotten."""

from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path

from tasks.models.engine import Engine
from tasks.models.model_folder import model_digest
from tasks.settings.corpus import Corpus
from tasks.settings.openai import OpenAi


def load_engine(corpus: Corpus, folder: Path) -> Engine:
    """Return the engine that the settings name; `folder` keeps models that an engine rewrites for itself."""
    match corpus.engine:
        case "openvino":
            from tasks.models.openvino_engine import OpenVinoEngine

            return _loaded(OpenVinoEngine, folder, corpus.precision)
        case "transformers":
            from tasks.models.transformers_engine import TransformersEngine

            return _loaded(TransformersEngine, folder, corpus.transformers_model)
        case "openai":
            return _loaded(_of_servers, corpus.openai.model_dump_json())  # a table of settings has no hash


def engine_identity(corpus: Corpus) -> str:
    """Return what of the engine decides a text, for its hash.

    Raises:
        PolyrecError: the folder of `transformers_model` is not there, or not whole.
    """
    match corpus.engine:
        case "openvino":
            return f"openvino {corpus.precision}"
        case "transformers" if corpus.transformers_model:
            return f"transformers {model_digest(corpus.transformers_model)}"
        case "transformers":
            return "transformers"
        case "openai":
            return f"openai {corpus.openai.identity()}"


def forget_engines() -> None:
    """Let go of all engines: the default one takes 1.1 GB once it has written, and less than 2 s to load."""
    _loaded.cache_clear()


@cache
def _loaded(make: Callable[..., Engine], *made_from: Hashable) -> Engine:
    """An engine, the same one whatever else is set; that of servers keeps what it learned of them."""
    return make(*made_from)


def _of_servers(settings: str) -> Engine:
    """The engine of servers, from the JSON of its settings."""
    from tasks.models.openai_engine import OpenAiEngine

    return OpenAiEngine(OpenAi.model_validate_json(settings))
