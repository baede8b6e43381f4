"""The engine that asks servers, against llama.cpp's own; needs llama-cpp-python and some minutes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.models.engine import Sampling
from tasks.models.openai_engine import OpenAiEngine
from tasks.settings.openai import OpenAi
from tests.models.llama_cpp import SKIPPED, interpreter, llama_server
from tests.models.test_engines import PROMPTS, SAMPLING, SEEDS, in_process

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not interpreter():
        pytest.skip(SKIPPED)
    with llama_server(tmp_path_factory.mktemp("llama") / "log.txt") as address:
        yield address


@pytest.fixture
def engine(url: str) -> OpenAiEngine:
    return OpenAiEngine(
        OpenAi(base_urls=(url,), model="smollm2", timeout_s=600, price_prompt=1e6, price_completion=1e6)
    )


def test_writes_sentences_that_seeds_drive(engine: OpenAiEngine) -> None:
    written = engine.generate(PROMPTS, SAMPLING, SEEDS)
    for prompt, one in zip(PROMPTS, written, strict=True):
        assert one.text.startswith(prompt[-1])
        assert "\n" not in one.text and "<|" not in one.text
        assert 1 <= one.n_tokens <= SAMPLING.max_new_tokens
        assert one.whole_sentence == one.text.endswith((".", "!", "?"))
    assert sum(one.whole_sentence for one in written) >= 3
    spent = engine.spent()
    assert (spent["api_requests"], spent["api_failed_requests"], spent["api_answers_without_usage"]) == (
        6,
        0,
        0,
    )
    assert spent["api_cost"] == spent["api_prompt_tokens"] + spent["api_completion_tokens"]
    assert spent["api_completion_tokens"] >= sum(one.n_tokens for one in written)
    # Its rounding differs with what it still holds of a prompt: all of it, from the second time on.
    _, (again,), (same,), (other,) = [
        engine.generate(PROMPTS[:1], SAMPLING, [seed]) for seed in (*SEEDS[:1] * 3, 999)
    ]
    assert again.text == same.text != other.text


@pytest.mark.parametrize("temperature", [0.3, 1.5])
def test_log_probability_is_that_of_the_unmodified_model(
    engine: OpenAiEngine, models: Path, temperature: float
) -> None:
    """Whatever the sampling: 0.1 nats a token are for llama.cpp's rounding, 0.2 for its 4-bit arithmetic."""
    tokenizer = in_process("openvino f32", models).tokenizer
    rows = [0, 1, 2] * 3
    prompts = [PROMPTS[row] for row in rows]
    written = engine.generate(prompts, Sampling(8, temperature, 40), range(len(rows)))
    continuations = [one.text[len(prompt[-1]) :] for prompt, one in zip(prompts, written, strict=True)]
    # Only a text that is read as the tokens it was written in can be compared; scoring is slow here.
    at = max(
        (
            row
            for row, one in enumerate(written)
            if one.n_tokens == len(tokenizer.encode(continuations[row], add_special_tokens=False).ids) >= 3
        ),
        key=lambda row: written[row].n_tokens,
    )
    one, asked = written[at], ([prompts[at]], [continuations[at]])
    assert one.log_prob == pytest.approx(engine.log_prob(*asked)[0], abs=0.1 * one.n_tokens)
    default = in_process("openvino f32", models).log_prob(*asked)[0]
    assert one.log_prob == pytest.approx(default, abs=0.2 * one.n_tokens)


def test_chat(url: str) -> None:
    engine = OpenAiEngine(OpenAi(base_urls=(url,), model="smollm2", api="chat", timeout_s=600))
    for one in engine.generate(PROMPTS[:2], SAMPLING, SEEDS[:2]):
        assert one.text and "\n" not in one.text
        assert one.log_prob is not None and one.log_prob < 0 < one.n_tokens
