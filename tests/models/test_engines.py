"""What every engine does, on the real model."""

from pathlib import Path

import numpy as np
import pytest

from tasks.corpus.prompts import prompts_for
from tasks.models.engine import Generation, Prompt, Sampling
from tasks.models.engines import load_engine
from tasks.settings import Corpus

ENGINES = ("openvino", "transformers")
SAMPLING = Sampling(max_new_tokens=30, temperature=0.7, top_k=40)
FILMS = (("Toy Story", 1995, ["Animation", "Comedy"]), ("Heat", 1995, ["Action", "Crime", "Thriller"]))
PROMPTS: list[Prompt] = [prompt for film in FILMS for prompt in prompts_for(Corpus(), *film)]
SEEDS = [101, 102, 103, 104, 105, 106]
CONTINUATIONS = [
    " like a good laugh.",
    " bright and warm.",
    " toys.",
    " a long chase.",
    " cold.",
    " a thief and a policeman.",
]


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, models: Path) -> CausalEngine:
    return load_engine(request.param, models)


@pytest.fixture(scope="module")
def written(engine: CausalEngine) -> list[Generation]:
    return engine.generate(PROMPTS, SAMPLING, SEEDS)


def test_is_loaded_once(engine: CausalEngine, models: Path) -> None:
    assert load_engine(engine.name, models) is engine


def test_a_text_depends_on_prompt_and_seed_alone(engine: CausalEngine, written: list[Generation]) -> None:
    """Rounding differs with the batch and could turn a draw that is nearly a tie; with these it does not."""
    alone, other = [
        engine.generate([PROMPTS[row]], SAMPLING, [seed])[0] for row, seed in ((0, SEEDS[0]), (0, 999))
    ]
    (again, *_) = engine.generate([PROMPTS[2], PROMPTS[1]], SAMPLING, [SEEDS[2], 999])
    for now, before in ((alone, written[0]), (again, written[2])):
        assert (now.text, now.n_tokens) == (before.text, before.n_tokens)
        assert now.log_prob == pytest.approx(before.log_prob, abs=1e-2)
    assert other.text != alone.text


def test_texts_are_short_sentences_that_go_on_from_the_opening(written: list[Generation]) -> None:
    for prompt, one in zip(PROMPTS, written, strict=True):
        assert one.text.startswith(prompt[-1])
        assert "\n" not in one.text and "<|" not in one.text
        assert 1 <= one.n_tokens <= SAMPLING.max_new_tokens
        assert one.whole_sentence == one.text.endswith((".", "!", "?"))
    assert sum(one.whole_sentence for one in written) >= 3


def test_log_probability_is_that_of_a_scoring_pass(engine: CausalEngine, written: list[Generation]) -> None:
    continuations = [one.text[len(prompt[-1]) :] for prompt, one in zip(PROMPTS, written, strict=True)]
    scored = engine.log_prob(PROMPTS, continuations)
    # A text may also be cut into other tokens than it was written in; then there is nothing to compare.
    lengths = [len(engine.tokenizer.encode(text, add_special_tokens=False).ids) for text in continuations]
    same = [row for row, one in enumerate(written) if one.n_tokens == lengths[row]]
    assert len(same) >= 3
    for row in same:
        assert written[row].log_prob == pytest.approx(scored[row], abs=1e-2)
        assert written[row].log_prob < 0


def test_cap_cuts_a_text(engine: CausalEngine) -> None:
    (cut,) = engine.generate(PROMPTS[:1], Sampling(3, 0.7, 40), SEEDS[:1])
    assert cut.n_tokens == 3
    assert not cut.whole_sentence


def test_likelier_texts_score_higher(engine: CausalEngine) -> None:
    sense, nonsense = engine.log_prob([PROMPTS[0]] * 2, [" enjoy watching films.", " enjoy films watching."])
    assert sense > nonsense + 1


def test_engines_agree(models: Path) -> None:
    """The same weights: one engine reads them converted, the other straight from the package."""
    first, second = (load_engine(name, models) for name in ENGINES)
    assert first.end_tokens == second.end_tokens
    assert len(first.end_tokens) == 2
    n_tokens = [len(first.tokenizer.encode(text, add_special_tokens=False).ids) for text in CONTINUATIONS]
    difference = first.log_prob(PROMPTS, CONTINUATIONS) - second.log_prob(PROMPTS, CONTINUATIONS)
    assert np.abs(difference / n_tokens).max() < 0.05
