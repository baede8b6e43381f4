"""Language-model engines by name; each is loaded once a process, where it is first needed."""

from functools import cache
from pathlib import Path
from typing import Literal

from tasks.models.engine import Engine
from tasks.settings_openai import OpenAi


def load_engine(name: Literal["openvino", "transformers", "openai"], folder: Path, openai: OpenAi) -> Engine:
    """Return a loaded engine.

    Args:
        name: which one.
        folder: where models are kept that an engine rewrites for itself.
        openai: the server of the engine of that name.
    """
    return _server(openai.model_dump_json()) if name == "openai" else _in_process(name, folder)


@cache
def _in_process(name: Literal["openvino", "transformers"], folder: Path) -> Engine:
    if name == "openvino":
        from tasks.models.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(folder)
    from tasks.models.transformers_engine import TransformersEngine

    return TransformersEngine(folder)


@cache
def _server(settings: str) -> Engine:
    """An engine that keeps what it learned of its servers; by JSON, as a table of settings has no hash."""
    from tasks.models.openai_engine import OpenAiEngine

    return OpenAiEngine(OpenAi.model_validate_json(settings))
