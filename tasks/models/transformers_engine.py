"""The portable engine: transformers runs the network, the shared loop decodes."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, DynamicCache, GgufConfig

from tasks.models import smollm2
from tasks.models.decoding import CausalEngine, Int


class TransformersEngine(CausalEngine):
    """SmolLM2 through transformers, on CUDA where there is one, else on the CPU.

    Args:
        folder: where the tokenizer is kept.
    """

    name = "transformers"

    def __init__(self, folder: Path) -> None:
        self.tokenizer = Tokenizer.from_file(str(smollm2.tokenizer_file(folder)))
        ids = (self.tokenizer.token_to_id(token) for token in smollm2.END_TOKENS)
        self.end_tokens = frozenset(token for token in ids if token is not None)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        source = smollm2.gguf_file()
        model = AutoModelForCausalLM.from_pretrained(
            source.parent,
            gguf_file=source.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.float32,
        )
        torch.nn.Module.to(model, self.device)  # moves in place
        self._model = model.eval()
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
