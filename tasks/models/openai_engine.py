"""Any server that speaks the OpenAI protocol: vLLM, llama.cpp, Ollama, OpenAI.

What servers give as the log-probability of a token differs; docs/architecture/texts.md says which.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.models.engine import Engine, Generation, Prompt, Sampling, ends_sentence, opening_of
from tasks.models.openai_client import Client, UnusableAnswer
from tasks.models.openai_replies import Reply, first_sentence, log_prob_of_end
from tasks.settings.openai import OpenAi
from warehouse.errors import PolyrecError

TURN = re.compile(r"<\|im_start\|>(\w+)\n(.*?)<\|im_end\|>\n?", re.DOTALL)
OPEN_TURN = "<|im_start|>assistant\n"
BYTES_A_TOKEN = 4  # of English, in the tokenizers of the day

NO_LOG_PROBS = (
    "the server gives no log-probabilities of what it writes; vLLM, llama.cpp's servers, and with "
    'api = "chat" Ollama and OpenAI\'s gpt-4 models do; set log_probs = false in [corpus.openai] to keep '
    "texts without them"
)
NO_ECHO = (
    "the server gives no log-probabilities of given texts (echo); vLLM and llama_cpp.server do with "
    'api = "completions", and so do the engines openvino and transformers'
)


class OpenAiEngine(Engine):
    """A model behind one or more OpenAI-compatible servers."""

    def __init__(self, settings: OpenAi) -> None:
        self.name = f"openai/{settings.model}"
        self._settings = settings
        self._client = Client(settings)

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int]
    ) -> list[Generation]:
        """Write one sentence per prompt; a seed drives the draws as far as the server honours it."""
        bodies = [self._body(prompt, sampling, seed) for prompt, seed in zip(prompts, seeds, strict=True)]
        return (
            self._client.ask(bodies, lambda at, reply: self._generation(prompts[at], reply)) if bodies else []
        )

    def log_prob(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> NDArray[np.float64]:
        """Return log p(continuation | prompt) in nats; see `Engine.log_prob`.

        A token across the border between the two counts for the continuation.
        """
        out = np.zeros(len(prompts))
        rows = [row for row, continuation in enumerate(continuations) if continuation]
        if not rows:
            return out
        if self._settings.api == "chat":
            raise PolyrecError(NO_ECHO)
        texts = ["".join(prompts[row]) + continuations[row] for row in rows]
        # One token is asked for, since some servers take 0 for "no limit". At temperature 1, where every
        # server's answer is that of the unmodified model.
        bodies = [
            self._fields(prompt=text, max_tokens=1, temperature=1.0, logprobs=1, echo=True) for text in texts
        ]

        def read(at: int, reply: Reply) -> float:
            written = reply.usage.completion_tokens if reply.usage else 1
            echoed = reply.tokens[: len(reply.tokens) - written]
            if not echoed or not reply.text.startswith(texts[at]):
                raise PolyrecError(NO_ECHO)
            found = log_prob_of_end(texts[at], echoed, len(continuations[rows[at]]))
            if found is None:
                raise PolyrecError(NO_ECHO)
            return found

        out[rows] = self._client.ask(bodies, read)
        return out

    def prompt_length(self, prompt: Prompt) -> int:
        """Return about how many tokens a prompt has: the tokenizer is the server's."""
        return math.ceil(sum(len(part.encode()) for part in prompt) / BYTES_A_TOKEN)

    def spent(self) -> dict[str, float]:
        """Return requests, tokens and cost since this was last asked."""
        return self._client.spent()

    def _body(self, prompt: Prompt, sampling: Sampling, seed: int) -> dict[str, Any]:
        common = {
            "max_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            # Servers have defaults of their own that would truncate further.
            "top_p": 1.0,
            "min_p": 0.0,
            "seed": seed & 0x7FFFFFFF,  # some servers keep 32 bits
        }
        if self._settings.api == "chat":
            asked = {"logprobs": True, "top_logprobs": 1} if self._settings.log_probs else {}
            return self._fields(messages=messages_of(prompt), **common, **asked)
        asked = {"logprobs": 1} if self._settings.log_probs else {}
        return self._fields(prompt="".join(prompt), stop=["\n"], **common, **asked)

    def _fields(self, **fields: Any) -> dict[str, Any]:
        """A request: what the settings omit is left out, what they add is in."""
        kept = {name: value for name, value in fields.items() if name not in self._settings.omit}
        return {"model": self._settings.model, **kept, **self._settings.extra}

    def _generation(self, prompt: Prompt, reply: Reply) -> Generation:
        opening, start = opening_of(prompt), 0
        if self._settings.api == "chat":
            start = len(reply.text) - len(reply.text.lstrip(' \t\r\n"“'))
            opening = _lead(opening, reply.text[start:])
        if not self._settings.log_probs:
            return _without_log_prob(opening, reply, start)
        if not reply.tokens:
            if reply.text:
                raise PolyrecError(NO_LOG_PROBS)
            return Generation(opening.strip(), 0, 0.0, ends_sentence(opening))
        text, count = first_sentence(opening, reply.text, [piece for piece, _ in reply.tokens], start)
        log_probs = [log_prob for _, log_prob in reply.tokens[:count]]
        if any(log_prob is None for log_prob in log_probs):
            raise UnusableAnswer("a token without log-probability")
        return Generation(text, count, math.fsum(filter(None, log_probs)), ends_sentence(text))


def messages_of(prompt: Prompt) -> list[dict[str, str]]:
    r"""A prompt as the messages of a chat; the opening of the answer becomes a wish, as few servers take one.

    >>> turns = "<|im_start|>user\nSay it.<|im_end|>\n<|im_start|>assistant\n"
    >>> messages_of((turns, "Film: Heat.\n", "It is"))
    [{'role': 'user', 'content': 'Say it.\n\nFilm: Heat.\n\nBegin with: It is'}]
    """
    turns, _, answer = "".join(prompt).rpartition(OPEN_TURN)
    messages = [{"role": role, "content": said.strip()} for role, said in TURN.findall(turns)]
    facts, _, opening = answer.rpartition("\n")
    asked = [facts.strip(), f"Begin with: {opening}"]
    if messages and messages[-1]["role"] == "user":
        asked.insert(0, messages.pop()["content"])
    return [*messages, {"role": "user", "content": "\n\n".join(part for part in asked if part)}]


def _lead(opening: str, answer: str) -> str:
    """What to put before the answer of a chat: the opening, where the answer goes on from it.

    >>> _lead("It is", "dark and tense."), _lead("It is", "It is dark."), _lead("It is", "A dark film.")
    ('It is ', '', '')
    """
    return f"{opening} " if answer[:1].islower() and not answer.lower().startswith(opening.lower()) else ""


def _without_log_prob(opening: str, reply: Reply, start: int) -> Generation:
    """A text by its words, as there are no tokens; their number is known of the whole answer only."""
    words = re.findall(r"\s*\S+", reply.text)
    text, count = first_sentence(opening, reply.text, words, start)
    written = reply.usage.completion_tokens if reply.usage else len(words)
    n_tokens = written if count == len(words) else round(written * count / len(words))
    return Generation(text, n_tokens, None, ends_sentence(text))
