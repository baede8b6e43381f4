"""The generation benchmark: what it makes of figures, what it says without peers, and few films for real."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks import generation
from benchmarks.generation import CHANGES, NAMES, has_llama_cpp, main, summary, work_of
from tasks.models.engine import END
from tasks.settings import Settings
from tasks.settings.corpus import Corpus


def run(tokens: float, seconds: float, scored: float = 100.0) -> dict[str, Any]:
    return {
        "tokens": tokens,
        "seconds": seconds,
        "log_prob": -2.0 * tokens,
        "texts": ["a"] * 10,
        "score_tokens": scored,
        "score_seconds": 2.0,
        "score_log_prob": -300.0,
    }


ENGINES = {
    "openvino": [run(400, 2), run(400, 4, 300), run(400, 1, 200)],  # 200, 100, 400 a second
    "transformers": [run(100, 1)] * 3,
    "plain_bfloat16": [run(50, 1), run(100, 1), run(40, 1)],  # 4, 1 and 10 times
    "plain_float32": [run(100, 1), run(25, 1), run(100, 1)],  # 2, 4, 4
    "llama_cpp": [run(20, 1), run(20, 1), run(20, 1)],  # 10, 5, 20
}
CHANGED = {"seconds": [1.0, 3.0, 1.5], "start_up_seconds": 9.0, "items": 1682}


def test_ratios_are_medians_over_rounds() -> None:
    values = summary(ENGINES, CHANGED)
    assert values["ratios"] == {
        "vs_transformers": 4.0,
        "vs_transformers_float32": 4.0,
        "vs_llama_cpp": 10.0,
        "tokens_per_second": 200.0,
        "log_prob_tokens_per_second": 100.0,
        "changed_item_s": 1.5,
    }
    assert list(values["engines"]) == list(NAMES) == list(ENGINES)


def test_work_is_the_corpus_stage_s(tmp_path: Path) -> None:
    items = pl.DataFrame(
        {
            "item_id": [str(number) for number in range(9)],
            "title": ["long " * number + "film" for number in range(9)],
            "year": [1990] * 9,
            "categories": [["Drama"]] * 9,
            "description": pl.Series([None] * 9, dtype=pl.String),
            "content": pl.Series([None] * 9, dtype=pl.String),
        }
    )
    settings = Settings(home=tmp_path, corpus=Corpus(batch_items=2))
    work = work_of(items, 5, settings)
    assert len(work["prompts"]) == len(work["seeds"]) == len(work["plain"]) == 15
    assert len(set(work["seeds"])) == 15
    assert [len(batch) for batch in work["batches"]] == [6, 6, 3]
    assert [row for batch in work["batches"] for row in batch] == list(range(15))
    lengths = [len("".join(prompt)) for prompt in work["prompts"][::3]]
    assert lengths == sorted(lengths)
    for prompt, plain in zip(work["prompts"], work["plain"], strict=True):
        title = prompt[1].removeprefix("Film: ").partition(" (1990)")[0]
        assert title.lower() in plain.lower() and END.search(plain)
    assert work_of(items.reverse(), 5, settings) == work


def test_absent_peers_are_named_with_the_target_that_makes_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python = tmp_path / ".venv-peers" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()  # with the recommenders alone
    monkeypatch.setattr(generation, "PEERS", python)
    with pytest.raises(SystemExit) as leaving:
        main(["--items", "1"])
    assert leaving.value.code == 2
    assert "make peers-llama" in capsys.readouterr().err


def test_bad_sizes_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--items", "0"])
    assert "at least 1" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_few_films(tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not has_llama_cpp():
        pytest.skip("llama.cpp is not in .venv-peers; run: make peers-llama")
    file = tmp_path / "figures.json"
    asked = ["--items", "2", "--rounds", "1", "--models", str(models), "--json", str(file)]
    assert main(asked) == 0
    values = json.loads(file.read_text(encoding="utf-8"))
    assert all(value > 0 for value in values["ratios"].values())
    assert len(values["changed_item"]["seconds"]) == CHANGES and values["changed_item"]["items"] == 1682
    (ours,) = values["engines"]["openvino"]
    for name, (one,) in values["engines"].items():
        assert len(one["texts"]) == 6 and 6 <= one["tokens"] <= 6 * Corpus().max_new_tokens
        assert one["score_tokens"] == ours["score_tokens"]
        # The same model, in numbers of other kinds.
        apart = {"llama_cpp": 0.2, "plain_bfloat16": 0.1}.get(name, 0.01)
        assert one["score_log_prob"] == pytest.approx(
            ours["score_log_prob"], abs=apart * ours["score_tokens"]
        )
    printed = capsys.readouterr().out
    assert "llama.cpp" in printed and "vs_transformers" in printed
