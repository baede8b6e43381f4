"""The engine that asks a server, against a real one that serves a toy model."""

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tasks.models.engine import Engine, Prompt, Sampling
from tasks.models.engines import load_engine
from tasks.models.openai_engine import OpenAiEngine
from tasks.settings.corpus import Corpus, Precision
from tasks.settings.openai import OpenAi
from tests.models.servers import ModelServer, serving
from tests.models.toys import ScriptedEngine, ToyEngine
from warehouse.errors import PolyrecError

PROMPTS: list[Prompt] = [
    ("Write.", facts, opening)
    for facts in ("Heat\n", "Toy Story\n")
    for opening in ("A", "The mood", "It is")
]
SEEDS = [11, 12, 13, 14, 15, 16]
SAMPLING = Sampling(max_new_tokens=30, temperature=0.9, top_k=8)
KEY = "sk-very-secret"


def asking(url: str, **settings: Any) -> OpenAiEngine:
    """An engine that asks one server and never waits long."""
    return OpenAiEngine(OpenAi(base_urls=(url,), model="toy", backoff_s=0.01, **settings))


@pytest.fixture
def server() -> ModelServer:
    return ModelServer(ToyEngine())


@pytest.fixture
def url(server: ModelServer) -> Iterator[str]:
    with serving(server) as address:
        yield address


@pytest.mark.parametrize("style", ["lists", "content"])
def test_texts_are_those_of_the_model_in_process(style: Any) -> None:
    expected = ToyEngine().generate(PROMPTS, SAMPLING, SEEDS)
    with serving(ModelServer(ToyEngine(), style=style)) as url:
        written = asking(url).generate(PROMPTS, SAMPLING, SEEDS)
    assert any(one.whole_sentence for one in expected) and not all(one.whole_sentence for one in expected)
    for one, other in zip(written, expected, strict=True):
        assert (one.text, one.n_tokens, one.whole_sentence) == (
            other.text,
            other.n_tokens,
            other.whole_sentence,
        )
        assert one.log_prob == pytest.approx(other.log_prob, abs=1e-3)


def test_log_probability_of_given_texts(url: str, server: ModelServer) -> None:
    engine, toy = asking(url), ToyEngine()
    texts = ["x", "", " a longer one.", " mid", "b", "c\nd"]
    exact = [toy.exact_log_prob("".join(p), text) for p, text in zip(PROMPTS, texts, strict=True)]
    np.testing.assert_allclose(engine.log_prob(PROMPTS, texts), exact, atol=1e-3)
    assert len(server.bodies) == 5  # none for what is certain
    assert {body["temperature"] for body in server.bodies} == {1.0}
    assert engine.log_prob(PROMPTS[:2], ["", ""]).tolist() == [0, 0]
    assert engine.log_prob([], []).shape == (0,)


def test_nothing_to_write_asks_nothing(url: str, server: ModelServer) -> None:
    assert asking(url).generate([], SAMPLING, []) == []
    assert server.bodies == []


def test_what_a_request_says(url: str, server: ModelServer) -> None:
    asking(url).generate(PROMPTS[:1], SAMPLING, [2**40 + 5])
    assert server.bodies == [
        {
            "model": "toy",
            "prompt": "Write.Heat\nA",
            "max_tokens": 30,
            "temperature": 0.9,
            "top_k": 8,
            "top_p": 1.0,
            "min_p": 0.0,
            "seed": 5,
            "stop": ["\n"],
            "logprobs": 1,
        }
    ]
    asking(url, omit=("min_p", "stop"), extra={"user": "me"}).generate(PROMPTS[:1], SAMPLING, [5])
    assert server.bodies[1]["user"] == "me"
    assert server.bodies[0].keys() - server.bodies[1].keys() == {"min_p", "stop"}


@pytest.mark.parametrize(
    ("reply", "text", "tokens"),
    [
        ("It is dark. More.", "It is dark.", 11),
        ("  It is dark.", "It is dark.", 13),
        ("dark and long. More", "It is dark and long.", 14),
        ("A dark film! More", "A dark film!", 12),
        ("It is\nnot one line.", "It is", 5),
    ],
)
def test_chat(reply: str, text: str, tokens: int) -> None:
    model = ScriptedEngine({"Begin with: It is<|im_end|>\n<|im_start|>assistant\n": reply})
    server = ModelServer(model)
    turn = "<|im_start|>user\nSay it.<|im_end|>\n<|im_start|>assistant\n"
    with serving(server) as url:
        (one,) = asking(url, api="chat").generate([(turn, "Film: Heat.\n", "It is")], SAMPLING, [0])
    assert (one.text, one.n_tokens) == (text, tokens)
    assert one.log_prob == pytest.approx(0, abs=1e-3)
    assert one.whole_sentence == text.endswith((".", "!"))
    assert server.bodies[0]["messages"] == [
        {"role": "user", "content": "Say it.\n\nFilm: Heat.\n\nBegin with: It is"}
    ]


def test_server_without_log_probabilities() -> None:
    model = ScriptedEngine({"It is": " dark and long. It goes on."})
    with serving(ModelServer(model, style="none")) as url:
        with pytest.raises(PolyrecError, match=r"gives no log-probabilities.*vLLM.*log_probs = false"):
            asking(url).generate([("Film.\n", "It is")], SAMPLING, [0])
        (one,) = asking(url, log_probs=False).generate([("Film.\n", "It is")], SAMPLING, [0])
    assert (one.text, one.log_prob, one.whole_sentence) == ("It is dark and long.", None, True)
    assert 10 <= one.n_tokens <= 20  # 15 of the 28 that were written


def test_server_without_echo() -> None:
    with (
        serving(ModelServer(ToyEngine(), echo=False)) as url,
        pytest.raises(PolyrecError, match=r"of given texts \(echo\); vLLM and llama_cpp\.server do"),
    ):
        asking(url).log_prob(PROMPTS[:1], ["x"])
    with pytest.raises(PolyrecError, match="echo"):
        asking("http://127.0.0.1:9/v1", api="chat").log_prob(PROMPTS[:1], ["x"])


def test_requests_under_way_are_bounded(url: str, server: ModelServer) -> None:
    asking(url, concurrency=3).generate(PROMPTS * 4, SAMPLING, range(24))
    assert 2 <= server.busiest <= 3


def test_cost_is_what_the_server_charged(url: str, server: ModelServer) -> None:
    engine = asking(url, price_prompt=2.0, price_completion=8.0)
    engine.generate(PROMPTS, SAMPLING, SEEDS)
    charged = server.charged
    assert charged["completion_tokens"] >= 6
    assert engine.spent() == {
        "api_requests": 6,
        "api_failed_requests": 0,
        "api_prompt_tokens": charged["prompt_tokens"],
        "api_completion_tokens": charged["completion_tokens"],
        "api_answers_without_usage": 0,
        "api_cost": pytest.approx((charged["prompt_tokens"] * 2 + charged["completion_tokens"] * 8) / 1e6),
    }
    assert set(engine.spent().values()) == {0}
    assert ToyEngine().spent() == {}


def test_answers_that_do_not_say_what_they_cost_are_counted() -> None:
    with serving(ModelServer(ToyEngine(), usage=False)) as url:
        engine = asking(url)
        engine.generate(PROMPTS, SAMPLING, SEEDS)
        exact = [ToyEngine().exact_log_prob("".join(PROMPTS[0]), "xy")]
        np.testing.assert_allclose(engine.log_prob(PROMPTS[:1], ["xy"]), exact, atol=1e-3)
    assert engine.spent()["api_answers_without_usage"] == 7


def test_works_where_an_event_loop_is_running(url: str) -> None:
    async def inside() -> int:
        return len(asking(url).generate(PROMPTS, SAMPLING, SEEDS))

    assert asyncio.run(inside()) == 6


class TestKey:
    @pytest.fixture
    def url(self) -> Iterator[str]:
        with serving(ModelServer(ToyEngine(), key=KEY)) as address:
            yield address

    def test_is_read_from_the_variable(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOY_KEY", f" {KEY}\n")
        engine = asking(url, api_key_env="TOY_KEY")
        assert len(engine.generate(PROMPTS, SAMPLING, SEEDS)) == 6
        held = repr(vars(engine)) + repr(vars(engine._client)) + engine._settings.model_dump_json()
        assert KEY not in held

    def test_wrong_one_is_refused_and_never_shown(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOY_KEY", "sk-mistyped")
        with pytest.raises(
            PolyrecError, match=r"status 401: wrong key: Bearer \[key\]; .* into TOY_KEY"
        ) as error:
            asking(url, api_key_env="TOY_KEY").generate(PROMPTS, SAMPLING, SEEDS)
        assert "mistyped" not in str(error.value)

    def test_missing(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TOY_KEY", raising=False)
        with pytest.raises(PolyrecError, match="variable TOY_KEY, named by api_key_env .* is not set"):
            asking(url, api_key_env="TOY_KEY").generate(PROMPTS, SAMPLING, SEEDS)
        with pytest.raises(
            PolyrecError, match=r"status 401.*name the variable that holds the key \(api_key_env"
        ):
            asking(url).generate(PROMPTS, SAMPLING, SEEDS)

    def test_that_is_none_is_not_printed(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOY_KEY", "sk-a\nb")
        with pytest.raises(PolyrecError, match="TOY_KEY has characters that no key has") as error:
            asking(url, api_key_env="TOY_KEY").generate(PROMPTS, SAMPLING, SEEDS)
        assert "sk-a" not in str(error.value)


def test_wrong_address_is_refused_at_once(url: str) -> None:
    engine = asking(url.removesuffix("/v1"))
    with pytest.raises(
        PolyrecError, match=r"status 404: Not Found; check base_urls \(most end in /v1\), model"
    ):
        engine.generate(PROMPTS[:1], SAMPLING, [0])
    assert engine.spent()["api_requests"] == 1


def test_is_loaded_once_for_settings(tmp_path: Any) -> None:
    def loaded(precision: Precision = "bf16", **server: Any) -> Engine:
        corpus = Corpus(engine="openai", precision=precision, openai=OpenAi(**server))
        return load_engine(corpus, tmp_path)

    engine = loaded(model="toy", extra={"a": [1]})
    assert engine.name == "openai/toy"
    assert loaded(model="toy", extra={"a": [1]}) is engine
    assert loaded("f32", model="toy", extra={"a": [1]}) is engine  # a setting of another engine
    assert loaded(model="other") is not engine
