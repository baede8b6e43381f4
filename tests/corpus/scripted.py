"""An engine that writes what it is told to, and an encoder with known answers."""

from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from tasks.arrays.vectors import unit
from tasks.corpus.prompts import prompts_for
from tasks.corpus.quality import words_of
from tasks.items.item import Item
from tasks.models.engine import Engine, Generation, Prompt, Sampling, opening_of
from tasks.settings.corpus import Corpus


class ScriptedEngine(Engine):
    """Answers by a function of the prompt; notes what it is asked."""

    name = "scripted"

    def __init__(self, answer: Callable[[str], str]) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def prompt_length(self, prompt: Prompt) -> int:
        return len("".join(prompt))

    def log_prob(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> NDArray[np.float64]:
        return np.array([-float(len(text)) for text in continuations])

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int]
    ) -> list[Generation]:
        texts = [self.answer("".join(prompt)) for prompt in prompts]
        self.asked += ["".join(prompt) for prompt in prompts]
        return [Generation(text, len(text), -float(len(text)), text.endswith(".")) for text in texts]


def openings_of(corpus: Corpus) -> list[str]:
    """How the texts of an item begin, one an angle."""
    return [opening_of(prompt) for prompt in prompts_for(corpus, Item("A title"))]


def words_as_vector(texts: Sequence[str]) -> NDArray[np.float32]:
    """(T, 384) of unit length: a place for each word, by its hash."""
    counts = np.zeros((len(texts), 384), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in words_of(text):
            counts[row, crc32(word.encode()) % 384] += 1
    return unit(counts)
