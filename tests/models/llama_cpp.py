"""llama.cpp's server, as llama-cpp-python brings it, in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tasks.models import smollm2
from tasks.settings import PROJECT
from tests.flows.processes import answers, free_port, started, wait_until

SKIPPED = "llama-cpp-python is not installed; run: .venv/bin/pip install -e '.[llama-cpp]' (it is compiled)"


@cache
def interpreter() -> Path | None:
    """The Python that has llama-cpp-python: this one, or that of the environment .venv-peers."""
    for python in (Path(sys.executable), PROJECT / ".venv-peers" / "bin" / "python"):
        if (
            python.exists()
            and not subprocess.run(
                [python, "-c", "import llama_cpp.server.app"], capture_output=True, check=False
            ).returncode
        ):
            return python
    return None


@contextmanager
def llama_server(log: Path) -> Iterator[str]:
    """Serve SmolLM2 as its package carries it; gives the address."""
    python, port = interpreter(), free_port()
    assert python
    arguments = ["--model", smollm2.gguf_file(), "--host", "127.0.0.1", "--port", port]
    arguments += ["--n_ctx", 512, "--chat_format", "chatml", "--verbose", "false"]
    with started("-m", "llama_cpp.server", *map(str, arguments), log=log, python=python) as process:
        url = f"http://127.0.0.1:{port}/v1"
        wait_until(lambda: answers(f"{url}/models"), process)
        yield url
