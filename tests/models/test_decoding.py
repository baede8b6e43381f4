"""The decoding loop, on toy models whose every answer is known."""

from collections import Counter

import numpy as np
import pytest

from tasks.models.engine import Prompt, Sampling, ends_sentence
from tests.models.toys import ScriptedEngine, ToyEngine

PROMPTS: list[Prompt] = [
    ("Write.", facts, opening)
    for facts in ("Heat\n", "Toy Story\n")
    for opening in ("A", "The mood", "It is")
]
SEEDS = [11, 12, 13, 14, 15, 16]


def sampling(max_new_tokens: int = 12, temperature: float = 0.9, top_k: int = 8) -> Sampling:
    return Sampling(max_new_tokens, temperature, top_k)


def test_log_probability_is_that_of_the_unmodified_model() -> None:
    engine = ToyEngine()
    for options in (sampling(), sampling(temperature=0.3), sampling(top_k=1)):
        for prompt, written in zip(PROMPTS, engine.generate(PROMPTS, options, SEEDS), strict=True):
            continuation = written.text[len(prompt[-1]) :]
            assert len(continuation) == written.n_tokens > 0
            exact = engine.exact_log_prob("".join(prompt), continuation)
            assert written.log_prob == pytest.approx(exact, abs=1e-3)
            assert exact < -0.5  # not the sampler's distribution, in which top_k=1 would be certain


def test_log_probability_of_given_texts() -> None:
    engine = ToyEngine()
    texts = ["x", "", " a longer one.", " mid", "b", "c"]
    exact = [engine.exact_log_prob("".join(p), text) for p, text in zip(PROMPTS, texts, strict=True)]
    np.testing.assert_allclose(engine.log_prob(PROMPTS, texts), exact, atol=1e-3)
    assert exact[1] == 0
    assert engine.log_prob(PROMPTS[:2], ["", ""]).tolist() == [0, 0]
    assert engine.log_prob([], []).shape == (0,)


def test_a_prompt_with_many_continuations_is_read_once() -> None:
    engine = ToyEngine()
    texts = ["x", "", *(f"text number {number}" for number in range(40)), " a longer one than all of these."]
    found = engine.log_prob_after(("Write.", "Heat\n"), texts)
    calls = list(engine.calls)
    exact = [engine.exact_log_prob("Write.Heat\n", text) for text in texts]
    np.testing.assert_allclose(found, exact, atol=1e-3)
    read = sum(tokens for _, tokens in calls)
    assert calls[0] == (1, len("Write.Heat"))
    assert read == len("Write.Heat") + sum(map(len, texts))  # nothing twice
    assert engine.log_prob_after(("W",), ["x"]) == pytest.approx(engine.exact_log_prob("W", "x"), abs=1e-3)
    assert engine.log_prob_after(("W",), []).shape == (0,)


def test_every_shared_part_is_read_once() -> None:
    engine = ToyEngine()
    engine.generate(PROMPTS, sampling(max_new_tokens=1), SEEDS)
    facts = len("Heat\n") + len("Toy Story\n")
    openings = 2 * (len("A") + len("The mood") + len("It is"))
    assert engine.calls == [(1, len("Write.")), (2, facts), (6, openings)]


def test_short_parts_join_when_the_head_of_long_ones_is_read() -> None:
    engine = ToyEngine()
    facts = ["a" * 150 + "\n", "Heat\n", "b" * 90 + "\n", "Toy Story\n", *(f"Alien {n}\n" for n in range(9))]
    prompts: list[Prompt] = [("Write.", one, opening) for one in facts for opening in ("A", "The mood")]
    together = engine.generate(prompts, sampling(max_new_tokens=3), range(len(prompts)))
    tokens = len("".join(facts))
    calls = engine.calls[1:4]
    assert [rows for rows, _ in calls] == [1, 2, 13]
    assert sum(read for _, read in calls) == tokens  # nothing twice
    for seed, (prompt, written) in enumerate(zip(prompts, together, strict=True)):
        assert engine.generate([prompt], sampling(max_new_tokens=3), [seed]) == [written]


def test_same_prompt_twice_is_written_with_each_seed() -> None:
    engine = ToyEngine()
    first, second, third = engine.generate([PROMPTS[0]] * 3, sampling(), [1, 2, 1])
    assert first == third
    assert first.text != second.text


def test_batch_equals_single() -> None:
    engine = ToyEngine()
    together = engine.generate(PROMPTS, sampling(), SEEDS)
    for prompt, seed, written in zip(PROMPTS, SEEDS, together, strict=True):
        assert engine.generate([prompt], sampling(), [seed]) == [written]


def test_finished_rows_leave_the_batch_as_soon_as_that_pays() -> None:
    engine = ScriptedEngine({"x:": "a.", "y:": "abcd.", "z:": "abcdefgh."})
    written = engine.generate([("x:",), ("y:",), ("z:",)], sampling(), [0, 0, 0])
    assert [one.text for one in written] == ["x:a.", "y:abcd.", "z:abcdefgh."]
    assert [one.n_tokens for one in written] == [2, 5, 9]
    assert all(one.whole_sentence for one in written)
    # After the second step one row in three is finished, which is not yet worth moving the other two.
    assert [rows for rows, _ in engine.calls[1:]] == [3, 3, 2, 2, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("script", "text", "whole"),
    [
        ("Go. More", "Go.", True),
        ("See Dr. Strange. More", "See Dr. Strange.", True),
        ("Takes 3.5 hours! More", "Takes 3.5 hours!", True),
        ("No end\nMore.", "No end", False),
        ("No end", "No end", False),
        ("This one is much too long.", "This one is much too", False),
    ],
)
def test_stops_at_a_sentence_end(script: str, text: str, whole: bool) -> None:
    engine = ScriptedEngine({"Facts\n": script})
    (written,) = engine.generate([("Facts\n",)], sampling(max_new_tokens=20), [0])
    assert (written.text, written.n_tokens, written.whole_sentence) == (text, len(text), whole)
    assert written.log_prob == pytest.approx(0, abs=1e-3)


def test_opening_is_part_of_the_text_but_not_of_its_tokens() -> None:
    engine = ScriptedEngine({"The mood": " is dark."})
    (written,) = engine.generate([("Film: Heat.\n", "The mood")], sampling(max_new_tokens=20), [0])
    assert written.text == "The mood is dark."
    assert written.n_tokens == len(" is dark.")


def test_draws_follow_the_softmax_of_the_likeliest() -> None:
    engine = ToyEngine()
    prompt: Prompt = ("Write.", "Heat\n")
    n, top_k, temperature = 4000, 4, 0.25
    drawn = Counter(
        one.text for one in engine.generate([prompt] * n, sampling(1, temperature, top_k), range(n))
    )
    logits = engine.logits(engine.tokenizer.encode("Write.Heat\n").ids).astype(np.float64)
    likeliest = np.argsort(-logits)[:top_k]
    expected = np.exp(logits[likeliest] / temperature)
    expected /= expected.sum()
    for token, share in zip(likeliest, expected, strict=True):
        text = engine.tokenizer.decode([int(token)]).strip()
        assert drawn[text] / n == pytest.approx(share, abs=0.03), text
    assert len(drawn) == top_k


def test_nothing_to_write() -> None:
    engine = ToyEngine()
    assert engine.generate([], sampling(), []) == []
    assert not engine.calls


def test_bad_prompts_are_named() -> None:
    engine = ToyEngine()
    with pytest.raises(ValueError, match=r"equally many parts, got \[1, 2\]"):
        engine.generate([("a", "b"), ("a",)], sampling(), [0, 1])
    with pytest.raises(ValueError, match="must have a token.*leave no part empty"):
        engine.generate([("a", "")], sampling(), [0])


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("It ends.", True),
        ("Does it?", True),
        ('He said "no."', True),
        ("It ends. ", True),
        ("With Mr.", False),
        ("By J.", False),
        ("It lasts 3.", False),
        ("It goes", False),
        ("", False),
    ],
)
def test_ends_sentence(text: str, ends: bool) -> None:
    assert ends_sentence(text) is ends
