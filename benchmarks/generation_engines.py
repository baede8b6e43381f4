"""The engines of this environment as benchmarks/generation.py measures them: ours, plain transformers."""

import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from tasks.models import smollm2
from tasks.models.engine import END, Engine, Generation, Prompt, Sampling, ends_sentence, opening_of
from tasks.models.engines import load_engine
from tasks.settings.corpus import Corpus


class PlainTransformers(Engine):
    """SmolLM2 through `generate` of transformers, as its documentation says; a text ends where ours do.

    Args:
        name: of its kind of numbers: "bfloat16" or "float32".
    """

    def __init__(self, name: Literal["bfloat16", "float32"]) -> None:
        self.name = f"plain transformers, {name}"
        source = smollm2.gguf_file()
        self._tokenizer = AutoTokenizer.from_pretrained(
            source.parent, gguf_file=source.name, padding_side="left"
        )
        model = AutoModelForCausalLM.from_pretrained(
            source.parent,
            gguf_file=source.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=getattr(torch, name),
        )
        self._model: Any = model.eval()  # typed, it is no class that can generate
        marks = {self._tokenizer.convert_tokens_to_ids(token) for token in smollm2.END_TOKENS}
        pieces = [self._tokenizer.decode([token]) for token in range(len(self._tokenizer))]
        self._marks = marks | {token for token, piece in enumerate(pieces) if "\n" in piece}
        self._ends = self._marks | {token for token, piece in enumerate(pieces) if END.search(piece.rstrip())}
        self._tokenizer.pad_token_id = min(marks)

    @torch.inference_mode()
    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int]
    ) -> list[Generation]:
        """Write a text per prompt, all in one batch, which the first seed drives."""
        torch.manual_seed(seeds[0])
        read = self._tokenizer(
            ["".join(prompt) for prompt in prompts],
            return_tensors="pt",
            padding=True,
            add_special_tokens=False,
        )
        output = self._model.generate(
            **read,
            do_sample=True,
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            top_p=1.0,
            max_new_tokens=sampling.max_new_tokens,
            eos_token_id=sorted(self._ends),
            pad_token_id=self._tokenizer.pad_token_id,
            output_logits=True,
            return_dict_in_generate=True,
        )
        tokens = output.sequences[:, read["input_ids"].shape[1] :]  # (P, T)
        gained = torch.stack(
            [
                logits.gather(1, tokens[:, step, None])[:, 0] - logits.logsumexp(dim=1)
                for step, logits in enumerate(output.logits)
            ],
            dim=1,
        )
        return [
            self._written(prompt, row, log_probs)
            for prompt, row, log_probs in zip(prompts, tokens.tolist(), gained.tolist(), strict=True)
        ]

    @torch.inference_mode()
    def log_prob(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> NDArray[np.float64]:
        """Return log p(continuation | prompt) in nats: (P,); logits for the continuations only."""
        targets = [self._ids(text) for text in continuations]
        rows = [self._ids("".join(prompt)) + target for prompt, target in zip(prompts, targets, strict=True)]
        read = self._tokenizer.pad({"input_ids": rows}, return_tensors="pt", padding_side="left")
        mask, longest = read["attention_mask"], max(map(len, targets))
        logits = self._model(
            input_ids=read["input_ids"],
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
            logits_to_keep=longest + 1,
        ).logits
        total = np.zeros(len(rows))
        for row, target in enumerate(targets):
            before = logits[row, -len(target) - 1 : -1].float()  # (T, V): what predicts each token
            total[row] = float(before.log_softmax(dim=1)[torch.arange(len(target)), target].sum())
        return total

    def prompt_length(self, prompt: Prompt) -> int:
        """Return how many tokens a prompt has."""
        return len(self._ids("".join(prompt)))

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]

    def _written(self, prompt: Prompt, tokens: list[int], gained: list[float]) -> Generation:
        """A row of the batch up to its end; a mark of an end is no part of the text."""
        end = next((place for place, token in enumerate(tokens) if token in self._ends), len(tokens) - 1)
        count = end + (tokens[end] not in self._marks)
        text = (opening_of(prompt) + self._tokenizer.decode(tokens[:count])).strip()
        return Generation(text, count, sum(gained[:count]), ends_sentence(text))


def load(name: str, models: Path) -> Engine:
    """Return an engine by its name in the benchmark."""
    if name in ("openvino", "transformers"):
        return load_engine(Corpus(engine=cast(Literal["openvino", "transformers"], name)), models)
    return PlainTransformers("bfloat16" if name == "plain_bfloat16" else "float32")


def measure(name: str, work: dict[str, Any], scored_at_once: int) -> dict[str, Any]:
    """Seconds, tokens and log-probabilities of writing and of scoring; loading and a first try are not timed.

    Args:
        name: which engine.
        work: `prompts` in their parts, a `seed` and a `plain` text for each, `batches` of rows, `sampling`,
            `models` (folder).
        scored_at_once: how many texts are scored together.
    """
    engine = load(name, Path(work["models"]))
    sampling = Sampling(**work["sampling"])
    prompts = [tuple(prompt) for prompt in work["prompts"]]
    seeds, plain = work["seeds"], work["plain"]
    engine.generate(prompts[:2], sampling, seeds[:2])
    written: list[Generation] = []
    start = time.perf_counter()
    for batch in work["batches"]:
        written += engine.generate([prompts[row] for row in batch], sampling, [seeds[row] for row in batch])
    seconds = time.perf_counter() - start
    rows = [row for batch in work["batches"] for row in batch]
    log_prob = 0.0
    start = time.perf_counter()
    for at in range(0, len(rows), scored_at_once):
        some = rows[at : at + scored_at_once]
        log_prob += float(
            engine.log_prob([prompts[row][:-1] for row in some], [plain[row] for row in some]).sum()
        )
    score_seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "tokens": sum(one.n_tokens for one in written),
        "log_prob": sum(one.log_prob or 0.0 for one in written),
        "texts": [one.text for one in written],
        "score_seconds": score_seconds,
        "score_tokens": sum(engine.prompt_length((plain[row],)) for row in rows),
        "score_log_prob": log_prob,
        "version": version("openvino" if name == "openvino" else "transformers"),
    }
