"""Language-model engines by name; each is loaded where it is first needed, and kept until it is forgotten."""

from functools import cache
from pathlib import Path

from tasks.models.engine import Engine
from tasks.models.model_folder import model_digest
from tasks.settings.corpus import Corpus, Precision
from tasks.settings.openai import OpenAi


def load_engine(corpus: Corpus, folder: Path) -> Engine:
    """Return the engine that the settings name, loaded.

    Args:
        corpus: engine, its precision, the model of "transformers", the server of "openai".
        folder: where models are kept that an engine rewrites for itself.
    """
    match corpus.engine:
        case "openvino":
            return _openvino(folder, corpus.precision)
        case "transformers":
            return _transformers(folder, corpus.transformers_model)
        case "openai":
            return _server(corpus.openai.model_dump_json())


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
    for load in (_openvino, _transformers, _server):
        load.cache_clear()


@cache
def _openvino(folder: Path, precision: Precision) -> Engine:
    from tasks.models.openvino_engine import OpenVinoEngine

    return OpenVinoEngine(folder, precision)


@cache
def _transformers(folder: Path, model: Path | None) -> Engine:
    from tasks.models.transformers_engine import TransformersEngine

    return TransformersEngine(folder, model)


@cache
def _server(settings: str) -> Engine:
    """An engine that keeps what it learned of its servers; by JSON, as a table of settings has no hash."""
    from tasks.models.openai_engine import OpenAiEngine

    return OpenAiEngine(OpenAi.model_validate_json(settings))
