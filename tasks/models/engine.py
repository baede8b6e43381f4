"""The contract of language-model engines: what every one takes and gives.

A prompt is a path of parts, from what many prompts share to what is its own:
(instructions, item facts, opening of the answer). Read one after the other they are one text, with the marks
of ChatML where a turn begins or ends; the last line is the opening that the answer goes on from.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Prompt = tuple[str, ...]

# "Dr. Strangelove", "J. Hopkins", "3.5": a full stop after these ends no sentence.
_NOT_ANEND = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|Sgt|Lt|Col|Gen|Capt|vs|No|[A-Z])|\d)\.$")
END = re.compile(r"[.!?][\"'”’)]*$")


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn: softmax(logits / temperature) over the `top_k` likeliest."""

    max_new_tokens: int
    temperature: float
    top_k: int


@dataclass(frozen=True)
class Generation:
    """A written text.

    `log_prob` is the sum over its `n_tokens` tokens of log p(token | prompt, earlier tokens) in nats,
    under the unmodified model; None where a server gives none and the settings allow it.
    """

    text: str
    n_tokens: int
    log_prob: float | None
    whole_sentence: bool


class Engine(ABC):
    """A language model that goes on from prompts and says how likely texts are."""

    name: str

    @abstractmethod
    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int]
    ) -> list[Generation]:
        """Write one sentence per prompt; `seeds[i]` alone drives the draws of prompt i."""

    @abstractmethod
    def log_prob(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> NDArray[np.float64]:
        """Return log p(continuation | prompt) in nats: (P,). An empty continuation has 0."""

    def log_prob_after(self, prompt: Prompt, continuations: Sequence[str]) -> NDArray[np.float64]:
        """Return log p(continuation | prompt) in nats for many continuations of one prompt: (P,).

        What `log_prob` gives for the prompt P times; an engine that can reads the prompt once.
        """
        return self.log_prob([prompt] * len(continuations), continuations)

    @abstractmethod
    def prompt_length(self, prompt: Prompt) -> int:
        """Return how many tokens a prompt has: an estimate where the tokenizer is not at hand."""

    def spent(self) -> dict[str, float]:
        """Return what was paid for since this was last asked, by name: nothing for a model of our own."""
        return {}


def ends_sentence(text: str) -> bool:
    """Say whether `text` ends where a sentence does.

    >>> ends_sentence("A quiet film."), ends_sentence("A film by Dr."), ends_sentence("A quiet")
    (True, False, False)
    """
    text = text.rstrip()
    return bool(END.search(text)) and not _NOT_ANEND.search(text)


def opening_of(prompt: Prompt) -> str:
    """Return the opening that a prompt gives the answer: its last line."""
    return prompt[-1].rsplit("\n", 1)[-1]
