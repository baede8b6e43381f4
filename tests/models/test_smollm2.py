"""The packaged model's file, read without the package gguf, which is the judge here."""

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
from tokenizers import Tokenizer

from tasks.models import smollm2
from tasks.models.gguf_reading import Field, GgufFile

TEXTS = (
    "Film: Heat (1995), crime.\n",
    "  two  spaces, CRLF\r\n",
    "naïve café 東京 🎬",
    "<|im_start|>user\nSay<|im_end|>",
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A small file with a value of every kind, by the package's writer."""
    writer = gguf.GGUFWriter(tmp_path / "small.gguf", "llama")
    writer.add_uint32("n", 7)
    writer.add_int64("below", -(2**40))
    writer.add_float32("share", 0.25)
    writer.add_bool("yes", True)
    writer.add_string("name", "naïve")
    writer.add_array("words", ["a", "", "東京"])
    writer.add_array("numbers", [1, -2, 3])
    writer.add_tensor("plain", np.arange(6, dtype=np.float32).reshape(2, 3))
    packed = gguf.quantize(
        np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64), gguf.GGMLQuantizationType.Q4_1
    )
    writer.add_tensor("packed", packed, raw_dtype=gguf.GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tmp_path / "small.gguf"


def test_every_kind_of_value_is_read(written: Path) -> None:
    found = {name: field.value for name, field in GgufFile(written).fields.items()}
    assert found == {
        "general.architecture": "llama",
        "n": 7,
        "below": -(2**40),
        "share": 0.25,
        "yes": True,
        "name": "naïve",
        "words": ["a", "", "東京"],
        "numbers": [1, -2, 3],
    }
    assert GgufFile(written).fields["words"] == Field(["a", "", "東京"], 9, 8)


def test_dequantised_copy_has_the_same_values(written: Path, tmp_path: Path) -> None:
    smollm2._dequantise(written, tmp_path / "copy.gguf")
    before, after = gguf.GGUFReader(written), gguf.GGUFReader(tmp_path / "copy.gguf")
    wanted = {name: field.contents() for name, field in before.fields.items() if name[:4] != "GGUF"}
    found = {name: field.contents() for name, field in after.fields.items() if name[:4] != "GGUF"}
    assert found == {**wanted, "general.file_type": gguf.LlamaFileType.MOSTLY_F16}
    (plain, packed), (same, half) = before.tensors, after.tensors
    np.testing.assert_array_equal(same.data, plain.data)
    assert (plain.name, packed.name) == (same.name, half.name) and half.data.dtype == np.float16
    exact = gguf.dequantize(packed.data, packed.tensor_type)
    np.testing.assert_array_equal(half.data, exact.astype(np.float16))


@pytest.mark.parametrize("spoilt", [b"GGML", b"GGUF\x02"])
def test_another_file_is_refused(written: Path, spoilt: bytes) -> None:
    written.write_bytes(spoilt + written.read_bytes()[len(spoilt) :])
    with pytest.raises(ValueError, match=r"small\.gguf is no GGUF file of version 3; install"):
        GgufFile(written)


def test_tokenizer_cuts_texts_and_puts_them_together_again(models_folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(smollm2.tokenizer_file(models_folder)))
    for text in TEXTS:
        assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text
    assert tokenizer.encode("<|im_start|>user").tokens == ["<|im_start|>", "user"]
    assert tokenizer.encode(" enjoy films").tokens == ["Ġenjoy", "Ġfilms"]


@pytest.mark.thorough  # reads the file in 8 seconds
def test_tokenizer_is_that_of_transformers(models_folder: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    source = smollm2.gguf_file()
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(tmp_path)
    theirs, ours = (
        json.loads(path.read_text(encoding="utf-8"))
        for path in (tmp_path / "tokenizer.json", smollm2.tokenizer_file(models_folder))
    )
    for part in ("added_tokens", "normalizer", "pre_tokenizer", "decoder"):
        assert ours[part] == theirs[part]
    for part in ("vocab", "merges"):
        assert ours["model"][part] == theirs["model"][part]
