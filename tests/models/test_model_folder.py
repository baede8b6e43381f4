"""A model of the user's own for the engine "transformers": which one it is, what is said of a bad folder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tasks.models.engines import engine_identity, load_engine
from tasks.settings import load_settings
from tasks.settings.corpus import Corpus
from tests.models.small import save_small_llama
from warehouse.errors import PolyrecError


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_llama(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return shutil.copytree(saved, tmp_path / "mine")


def asking(folder: Path | None) -> Corpus:
    return Corpus(engine="transformers", transformers_model=folder)


def test_a_text_depends_on_the_bytes_of_the_model_not_on_where_they_are(saved: Path, copy: Path) -> None:
    assert engine_identity(asking(None)) == "transformers"
    assert engine_identity(asking(saved)) == engine_identity(asking(copy)) != "transformers"
    other = save_small_llama(copy.parent / "other", seed=1)
    found = {engine_identity(asking(saved)), engine_identity(asking(other))}
    # The same folder with something else in it is another model.
    (copy / "tokenizer.json").write_text((saved / "tokenizer.json").read_text() + "\n")
    found.add(engine_identity(asking(copy)))
    assert len(found) == 3


def test_texts_of_a_folder_are_kept_under_its_name(saved: Path) -> None:
    assert asking(None).written_by == "transformers"
    assert asking(saved).written_by == "transformers/small"
    # What another engine writes is not touched by it.
    idle = Corpus(transformers_model=saved / "gone")
    assert (idle.written_by, engine_identity(idle)) == ("openvino", engine_identity(Corpus()))


def test_a_folder_is_looked_for_beside_the_configuration(tmp_path: Path, saved: Path) -> None:
    config = tmp_path / "polyrec.toml"
    config.write_text('[corpus]\nengine = "transformers"\ntransformers_model = "models/../models/mine"\n')
    assert load_settings(config).corpus.transformers_model == tmp_path.resolve() / "models" / "mine"
    config.write_text(f'[corpus]\ntransformers_model = "{saved}"\n')
    assert load_settings(config).corpus.transformers_model == saved.resolve()


def test_weights_in_several_files(copy: Path) -> None:
    whole = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    names = {name: f"part-{number % 2}.safetensors" for number, name in enumerate(whole)}
    for part in set(names.values()):
        of_part = {name: whole[name] for name in whole if names[name] == part}
        save_file(of_part, copy / part, metadata={"format": "pt"})
    (copy / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))
    assert load_engine(asking(copy), copy).log_prob([("A film",)], [" here"]) < 0
    (copy / "part-1.safetensors").unlink()
    with pytest.raises(PolyrecError, match=r"which has no part-1\.safetensors; save a model"):
        engine_identity(asking(copy))


def removed(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def cut(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:100])


def without_mark(folder: Path) -> None:
    text = (folder / "tokenizer.json").read_text().replace("<|im_end|>", "</s>")
    (folder / "tokenizer.json").write_text(text)


def with_more_words(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    last = tokenizer["added_tokens"][-1]
    tokenizer["added_tokens"].append({**last, "id": last["id"] + 1, "content": "<more>"})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def with_fewer_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def of_no_kind(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "abacus"}')


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (shutil.rmtree, "which is no folder; save a model and its tokenizer there with save_pretrained"),
        (removed("config.json"), "which has no config.json; save a model"),
        (removed("tokenizer.json"), "which has no tokenizer.json; save a model"),
        (removed("model.safetensors"), "which has no model.safetensors; save a model"),
        (cut("model.safetensors"), "from which transformers makes no model"),
        (cut("tokenizer.json"), "whose tokenizer.json cannot be read"),
        (
            without_mark,
            "whose tokenizer has no token <|im_end|>; prompts are written in ChatML: take a model",
        ),
        (with_more_words, "whose tokenizer has 104 tokens, more than the model's 103; save model and"),
        (
            with_fewer_weights,
            "whose weights lack model.norm.weight (1 in all); save model and tokenizer anew",
        ),
        (of_no_kind, "from which transformers makes no model"),
    ],
)
def test_a_bad_folder_is_named_with_what_to_do(
    copy: Path, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(copy)
    with pytest.raises(PolyrecError) as error:
        load_engine(asking(copy), copy)
    assert f"transformers_model in [corpus] is {copy}, {said}" in str(error.value)
    assert "\n" not in str(error.value) and str(error.value).count(";") == 1 and len(str(error.value)) < 500
