"""The portable engine: transformers runs the network, the shared loop decodes."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, DynamicCache, GgufConfig, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from tasks.models import smollm2
from tasks.models.decoding import CausalEngine, Int
from tasks.models.model_folder import END, START, model_files, refusal


class TransformersEngine(CausalEngine):
    """A language model through transformers, on CUDA where there is one, else on the CPU; in float32.

    `folder` keeps the tokenizer of the packaged SmolLM2, `model` is a folder with another one.
    """

    name = "transformers"

    def __init__(self, folder: Path, model: Path | None = None) -> None:
        disable_progress_bar()
        if model is None:
            self.tokenizer = Tokenizer.from_file(str(smollm2.tokenizer_file(folder)))
            network = _packaged()
        else:
            self.name = f"{self.name}/{model.name}"
            self.tokenizer, network = _saved(model)
        ids = (self.tokenizer.token_to_id(token) for token in smollm2.END_TOKENS)
        self.end_tokens = frozenset(token for token in ids if token is not None)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.nn.Module.to(network, self.device)  # moves in place
        self._model = network.eval()
        self.reset()

    def reset(self) -> None:
        """Forget every row of the cache."""
        self._cache = DynamicCache()

    def keep(self) -> None:
        """Remember the cache as it is now."""
        self._kept = deepcopy(self._cache)

    def go_back(self) -> None:
        """Make the cache what it was; see `CausalEngine.go_back`."""
        self._cache = deepcopy(self._kept)

    @torch.inference_mode()
    def forward(self, ids: Int, mask: Int, positions: Int, rows: Int, keep: int) -> NDArray[np.float32]:
        """Extend cache rows by tokens; see `CausalEngine.forward`."""
        if self._cache.get_seq_length():
            self._cache.batch_select_indices(torch.as_tensor(rows, device=self.device))
        output = self._model(
            input_ids=torch.as_tensor(ids, device=self.device),
            attention_mask=torch.as_tensor(mask, device=self.device),
            position_ids=torch.as_tensor(positions, device=self.device),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=keep,
        )
        return output.logits.float().cpu().numpy()


def _packaged() -> PreTrainedModel:
    """SmolLM2, straight from its GGUF file."""
    source = smollm2.gguf_file()
    plain = GgufConfig(dequantize=True)
    return AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, quantization_config=plain, dtype=torch.float32
    )


def _saved(folder: Path) -> tuple[Tokenizer, PreTrainedModel]:
    """Tokenizer and network of a folder; refused unless it is whole, can be read, and knows ChatML."""
    model_files(folder)
    tokenizer = _tokenizer(folder)
    again = "save model and tokenizer anew with save_pretrained"
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(  # a pair, which its annotation does not say
            folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise refusal(folder, f"from which transformers makes no model ({reason})", again) from None
    network, found = loaded
    if missing := sorted(found["missing_keys"]):
        raise refusal(folder, f"whose weights lack {missing[0]} ({len(missing)} in all)", again)
    n_words, n_tokens = tokenizer.get_vocab_size(), network.config.get_text_config().vocab_size
    if n_words > n_tokens:
        raise refusal(
            folder, f"whose tokenizer has {n_words} tokens, more than the model's {n_tokens}", again
        )
    return tokenizer, network


def _tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a folder, which must know the marks that prompts are written with."""
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # tokenizers raises no narrower one
        why = f"whose tokenizer.json cannot be read ({error})"
        raise refusal(folder, why, "save it anew with save_pretrained") from None
    for mark in (START, END):
        if len(tokenizer.encode(mark, add_special_tokens=False).ids) != 1:
            raise refusal(
                folder,
                f"whose tokenizer has no token {mark}",
                "prompts are written in ChatML: take a model that reads it, such as SmolLM2 or Qwen2.5, "
                'or a server that knows the model\'s own marks: engine = "openai", api = "chat"',
            )
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
