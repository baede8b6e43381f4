"""A small Llama with random weights in a folder, as people save theirs; a token is a character."""

from collections.abc import Sequence
from pathlib import Path
from string import printable

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers import models as kinds
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from tasks.models.engine import Prompt
from tasks.models.smollm2 import END_TOKENS

MARKS = ("<|im_start|>", *END_TOKENS)


def save_small_llama(folder: Path, seed: int = 0) -> Path:
    """Write config, weights and tokenizer; returns the folder."""
    tokenizer = Tokenizer(kinds.WordLevel({token: code for code, token in enumerate(printable)}, "\x0c"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([AddedToken(mark, special=True) for mark in MARKS])
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.3,  # wide enough that what was read decides what is likely
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def log_prob_by_definition(
    folder: Path, prompts: Sequence[Prompt], continuations: Sequence[str]
) -> NDArray[np.float64]:
    """(P,) log p(continuation | prompt), each by one plain pass of transformers over both together."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    out = np.zeros(len(prompts))
    for row, (prompt, continuation) in enumerate(zip(prompts, continuations, strict=True)):
        start = len(tokenizer.encode("".join(prompt)).ids)
        ids = torch.tensor(tokenizer.encode("".join(prompt) + continuation).ids)
        with torch.inference_mode():
            likely = model(ids[None]).logits[0].double().log_softmax(dim=1)  # (T, V)
        out[row] = likely[start - 1 : -1].gather(1, ids[start:, None]).sum()
    return out
