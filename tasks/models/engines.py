"""Language-model engines by name; each is loaded once a process, where it is first needed."""

from functools import cache
from pathlib import Path
from typing import Literal

from tasks.models.engine import CausalEngine


@cache
def load_engine(name: Literal["openvino", "transformers"], folder: Path) -> CausalEngine:
    """Return a loaded engine.

    Args:
        name: which one.
        folder: where models are kept that an engine rewrites for itself.
    """
    if name == "openvino":
        from tasks.models.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(folder)
    from tasks.models.transformers_engine import TransformersEngine

    return TransformersEngine(folder)
