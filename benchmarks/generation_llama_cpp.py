"""llama.cpp through llama-cpp-python, as benchmarks/generation.py measures it.

Runs in .venv-peers, which has nothing of Polyrec, with two arguments, JSON files: the work and the answer.
Texts are written one after the other, as llama-cpp-python does; the cache of the prompt before is used as far
as the next one begins the same. The log-probability of a token comes from the logits that it was drawn from,
which costs a fraction of what the package's own `logprobs` does.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONTEXT = 1024  # tokens


class LlamaCpp:
    """SmolLM2 as its package carries it.

    Args:
        work: `gguf` (path), `sampling`, `end` (a regular expression: what ends a text).
        every_place: whether logits are kept at every place, which scoring needs and writing does not.
    """

    def __init__(self, work: dict[str, Any], every_place: bool) -> None:
        self._package = import_module("llama_cpp")
        self._model = self._package.Llama(
            work["gguf"], n_ctx=CONTEXT, n_threads=os.cpu_count(), logits_all=every_place, verbose=False
        )
        self._sampling, self._end = work["sampling"], re.compile(work["end"])

    def tokens(self, text: str) -> list[int]:
        """Token ids of a text."""
        return self._model.tokenize(text.encode(), add_bos=False, special=True)

    def write(self, prompt: str, seed: int) -> tuple[str, int, float]:
        """Go on from a prompt: text, tokens, log-probability in nats."""
        self._model.set_seed(seed & 0x7FFFFFFF)
        written: list[int] = []
        log_prob = 0.0
        how = {"temp": self._sampling["temperature"], "top_k": self._sampling["top_k"]}
        for token in self._model.generate(self.tokens(prompt), top_p=1.0, min_p=0.0, **how):
            piece = self._model.detokenize([token]).decode(errors="replace")
            if token == self._model.token_eos() or "\n" in piece:
                break
            last = self._package.llama_get_logits_ith(self._model.ctx, -1)
            logits = np.ctypeslib.as_array(last, shape=(self._model.n_vocab(),))
            written.append(token)
            log_prob += float(logits[token]) - log_sum(logits[None])[0]
            if len(written) == self._sampling["max_new_tokens"] or self._end.search(piece.rstrip()):
                break
        text = self._model.detokenize(written).decode(errors="replace")
        return text, len(written), float(log_prob)  # a numpy number is no JSON

    def score(self, prompt: str, text: str) -> float:
        """Return log p(text | prompt) in nats."""
        before, rest = self.tokens(prompt), self.tokens(text)
        every = before + rest
        known = self._model.input_ids[: self._model.n_tokens].tolist()
        shared = next((at for at, (a, b) in enumerate(zip(known, every, strict=False)) if a != b), len(known))
        self._model.n_tokens = min(shared, len(before) - 1)  # what predicts the text is computed anew
        self._model.eval(every[self._model.n_tokens :])
        logits = self._model.scores[len(before) - 1 : len(every) - 1]  # (T, V)
        return float((logits[np.arange(len(rest)), rest] - log_sum(logits)).sum())


def log_sum(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log(sum(exp(logits))) of each row: (T, V) to (T,)."""
    highest = logits.max(axis=1, keepdims=True)
    return highest[:, 0] + np.log(np.exp(logits - highest).sum(axis=1))


def timed(what: Callable[[], list[Any]]) -> tuple[float, list[Any]]:
    """Seconds that a call takes, and what it returns."""
    start = time.perf_counter()
    answer = what()
    return time.perf_counter() - start, answer


def main(arguments: Sequence[str]) -> int:
    """Write and score what the work file asks for."""
    source, target = map(Path, arguments)
    work = json.loads(source.read_text(encoding="utf-8"))
    rows = [row for batch in work["batches"] for row in batch]
    prompts = ["".join(work["prompts"][row]) for row in rows]
    writer = LlamaCpp(work, every_place=False)
    writer.write(prompts[0], 0)
    seconds, written = timed(
        lambda: [writer.write(prompt, work["seeds"][row]) for row, prompt in zip(rows, prompts, strict=True)]
    )
    scorer = LlamaCpp(work, every_place=True)
    pairs = [("".join(work["prompts"][row][:-1]), work["plain"][row]) for row in rows]
    scorer.score(*pairs[0])
    score_seconds, log_probs = timed(lambda: [scorer.score(*pair) for pair in pairs])
    answer = {
        "seconds": seconds,
        "tokens": sum(count for _, count, _ in written),
        "log_prob": sum(log_prob for _, _, log_prob in written),
        "texts": [work["prompts"][row][-1] + text for row, (text, _, _) in zip(rows, written, strict=True)],
        "score_seconds": score_seconds,
        "score_tokens": sum(len(scorer.tokens(text)) for _, text in pairs),
        "score_log_prob": sum(log_probs),
        "version": f"llama-cpp-python {version('llama-cpp-python')}",
    }
    target.write_text(json.dumps(answer), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
