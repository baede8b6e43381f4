"""Language models with known answers. A token is a character."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from string import ascii_letters

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers import models as kinds

from tasks.models.decoding import CausalEngine, Int

CHARACTERS = [
    *ascii_letters,
    " ",
    ".",
    ",",
    "!",
    ":",
    "(",
    ")",
    "-",
    "'",
    *"0123456789",
    "\n",
    "|",
    "<",
    ">",
    "_",
]
END = "~"


def character_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(
        kinds.WordLevel({token: code for code, token in enumerate([*CHARACTERS, END])}, "~")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


class ToyEngine(CausalEngine):
    """Logits that depend on everything a row has read: normal numbers drawn from it.

    It checks what it is handed as a real network could not, and notes every call: its rows and tokens.
    """

    name = "toy"

    def __init__(self) -> None:
        self.tokenizer = character_tokenizer()
        self.vocabulary = self.tokenizer.get_vocab_size()
        self.end_tokens = frozenset({len(CHARACTERS)})
        self.calls: list[tuple[int, int]] = []
        self.reset()

    def reset(self) -> None:
        self._rows: list[list[int]] | None = None
        self._mask = np.zeros((1, 0), dtype=np.int64)

    def keep(self) -> None:
        self._kept = None if self._rows is None else [list(row) for row in self._rows], self._mask.copy()

    def go_back(self) -> None:
        rows, self._mask = self._kept
        self._rows = None if rows is None else [list(row) for row in rows]

    def forward(self, ids: Int, mask: Int, positions: Int, rows: Int, keep: int) -> NDArray[np.float32]:
        assert ids.shape == positions.shape and len(ids) == len(mask) == len(rows)
        if self._rows is None:  # before anything was read, any number of rows may begin
            cached, before = [[] for _ in rows], np.zeros((len(rows), 0), dtype=np.int64)
        else:
            cached, before = [list(self._rows[row]) for row in rows], self._mask[rows]
        carried, own = np.split(mask, [before.shape[1]], axis=1)
        assert own.shape == ids.shape
        # A row may hide the end of what the one that it continues has read, and nothing else.
        kept = np.logical_and.accumulate(carried == before, axis=1)
        np.testing.assert_array_equal(carried, before * kept)
        out = np.zeros((len(ids), keep, self.vocabulary), dtype=np.float32)
        for row, places in enumerate(cached):
            for place in range(ids.shape[1]):
                places.append(int(ids[row, place]))
                if own[row, place]:
                    shown = mask[row, : len(places)].astype(bool)
                    history = np.array(places)[shown].tolist()
                    assert positions[row, place] == len(history) - 1
                    from_end = ids.shape[1] - place
                    if from_end <= keep:
                        out[row, -from_end] = self.logits(history)
        self._rows, self._mask = cached, mask.copy()
        self.calls.append((len(ids), int(own.sum())))
        return out

    def logits(self, history: Sequence[int]) -> NDArray[np.float32]:
        """(V,) what is likely after `history`."""
        seed = int.from_bytes(blake2b(bytes([4, *history]), digest_size=8).digest())
        return np.random.default_rng(seed).normal(scale=2, size=self.vocabulary).astype(np.float32)

    def exact_log_prob(self, prompt: str, continuation: str) -> float:
        """log p(continuation | prompt), from its definition."""
        ids = self.tokenizer.encode(prompt + continuation, add_special_tokens=False).ids
        total = 0.0
        for place in range(len(prompt), len(ids)):
            logits = self.logits(ids[:place]).astype(np.float64)
            total += float(logits[ids[place]] - np.log(np.exp(logits).sum()))
        return total


class ScriptedEngine(ToyEngine):
    """Writes by heart: what it goes on with after a prompt that ends in one of the keys.

    Args:
        scripts: prompt ending to what is then written; the end mark follows.
    """

    def __init__(self, scripts: Mapping[str, str]) -> None:
        super().__init__()
        self.scripts = scripts

    def logits(self, history: Sequence[int]) -> NDArray[np.float32]:
        text = "".join(([*CHARACTERS, END])[token] for token in history)
        out = np.zeros(self.vocabulary, dtype=np.float32)
        for key, script in self.scripts.items():
            _, found, written = text.rpartition(key)
            if found and (script + END).startswith(written):
                out[self.tokenizer.token_to_id((script + END)[len(written)])] = 100
                return out
        return out  # a part of the prompt, from which nothing is written
