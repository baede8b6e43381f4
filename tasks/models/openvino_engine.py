"""The default CPU engine: OpenVINO runs the network, the shared loop decodes."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tasks.models import smollm2
from tasks.models.decoding import CausalEngine, Int
from tasks.models.openvino_quiet import openvino
from tasks.settings.corpus import Precision


class OpenVinoEngine(CausalEngine):
    """SmolLM2 through OpenVINO on the CPU.

    What else is in a batch changes a logit by rounding only, since nothing is quantised by looking at all of
    it. In float32 that hardly ever changes a text, in bfloat16 often (docs/architecture/texts.md says what
    that guarantees). It computes and caches in the `precision`, in float32 where the processor has no
    instructions for bfloat16; `folder` keeps the rewritten model.
    """

    name = "openvino"

    def __init__(self, folder: Path, precision: Precision) -> None:
        self.tokenizer = Tokenizer.from_file(str(smollm2.tokenizer_file(folder)))
        ids = (self.tokenizer.token_to_id(token) for token in smollm2.END_TOKENS)
        self.end_tokens = frozenset(token for token in ids if token is not None)
        core = openvino.Core()
        # Elsewhere bfloat16 is emulated, which is slower than float32.
        native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = precision if native else "f32"
        model = core.read_model(smollm2.openvino_folder(folder) / "openvino_model.xml")
        _keep_last(model)
        settings = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "KV_CACHE_PRECISION": self.precision,
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._request = core.compile_model(model, "CPU", settings).create_infer_request()

    def reset(self) -> None:
        """Forget every row of the cache."""
        self._request.reset_state()

    def keep(self) -> None:
        """Remember the cache as it is now."""
        self._kept = [np.array(state.state.data) for state in self._request.query_state()]

    def go_back(self) -> None:
        """Make the cache what it was; see `CausalEngine.go_back`."""
        for state, kept in zip(self._request.query_state(), self._kept, strict=True):
            state.state = openvino.Tensor(kept)

    def forward(self, ids: Int, mask: Int, positions: Int, rows: Int, keep: int) -> NDArray[np.float32]:
        """Extend cache rows by tokens; see `CausalEngine.forward`."""
        self._request.infer(
            {
                "input_ids": ids,
                "attention_mask": mask,
                "position_ids": positions,
                "beam_idx": rows.astype(np.int32),
                "keep": np.array([keep], dtype=np.int64),
            }
        )
        return self._request.get_tensor("logits").data


def _keep_last(model: openvino.Model) -> None:
    """Give the network an input `keep`: logits are computed at that many last places only.

    The product with the vocabulary is a fifth of the model's work, and a prompt needs it at one place.
    """
    ops = openvino.opset13
    keep = ops.parameter([1], np.int64, name="keep")
    keep.output(0).set_names({"keep"})
    head = model.get_results()[0].input_value(0).get_node()
    end, one = ops.constant(np.array([2**31 - 1])), ops.constant(np.array([1]))
    last = ops.slice(head.input_value(0), ops.negative(keep), end, one, one)
    head.input(0).replace_source_output(last.output(0))
    model.add_parameters([keep])
    model.validate_nodes_and_infer_types()
