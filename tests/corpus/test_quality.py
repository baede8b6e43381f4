import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU

from tasks.corpus.quality import bleu, distinct, is_refusal, repetition, self_bleu, words_of

VOCABULARY = [
    "the",
    "a",
    "dark",
    "light",
    "film",
    "story",
    "of",
    "love",
    "war",
    "and",
    "in",
    "town",
    "mood",
    "hero",
]
sentences = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=14)


def reference_bleu(text: list[str], references: list[list[str]]) -> float:
    """sacrebleu's sentence BLEU with the same smoothing."""
    metric = BLEU(smooth_method="add-k", smooth_value=1, tokenize="none", effective_order=False)
    return metric.sentence_score(" ".join(text), [" ".join(one) for one in references]).score / 100


@given(sentences, st.lists(sentences, min_size=1, max_size=4))
def test_bleu_agrees_with_sacrebleu(text: list[str], references: list[list[str]]) -> None:
    if len(text) < 4 or not set(text) & {word for one in references for word in one}:
        return  # sacrebleu leaves out, or smooths, orders that a text has no n-grams of
    assert bleu(text, references) == pytest.approx(reference_bleu(text, references), abs=1e-9)


def test_bleu_of_texts_that_share_no_word_is_zero() -> None:
    assert bleu(["a", "b"], [["c", "d"]]) == 0
    assert bleu([], [["c"]]) == bleu(["c"], []) == 0


def test_self_bleu_falls_as_texts_move_apart() -> None:
    same = ["A dark tale of love and war in town."] * 3
    near = [same[0], "A dark tale of love and peace in town.", "A light tale of love and war in a city."]
    far = [same[0], "Perfect for viewers who like to laugh.", "Bright colours, quick jokes, one hero."]
    means = [sum(self_bleu(texts)) / 3 for texts in (same, near, far)]
    assert means[0] == 1
    assert means[0] > means[1] > 3 * means[2]
    assert self_bleu(["Alone."]) == [0]


def test_order_of_texts_changes_no_value() -> None:
    texts = ["A dark film.", "A light film of love.", "War in town."]
    values = dict(zip(texts, self_bleu(texts), strict=True))
    random.Random(1).shuffle(texts)
    assert dict(zip(texts, self_bleu(texts), strict=True)) == values


@pytest.mark.parametrize(
    ("texts", "one", "two"),
    [
        (["a b", "a b"], 2 / 4, 1 / 2),
        (["a b c"], 1, 1),
        (["", "?"], 1, 1),
        (["Love, love, LOVE."], 1 / 3, 1 / 2),
    ],
)
def test_distinct(texts: list[str], one: float, two: float) -> None:
    assert (distinct(texts, 1), distinct(texts, 2)) == (one, two)


def test_repetition_is_of_one_text() -> None:
    assert repetition("The mood is fun, fun, fun.") == pytest.approx(1 / 5)
    assert repetition("A quiet film about a town.") == 0
    assert repetition("Joy, joy, joy, joy.") == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, I cannot help with that.",
        "As an AI language model, I have no opinion.",
        "The mood is dark, and I’m not sure of it.",
        "Please provide more information.",
        "The mood is one I can't describe.",
    ],
)
def test_refusals(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text", ["A man who cannot forget.", "She is sorry for nothing.", "A story about an AI that says no."]
)
def test_no_refusals(text: str) -> None:
    assert not is_refusal(text)


def test_words_of_other_scripts() -> None:
    assert words_of("Ein Märchen – l’été, 東京 2020!") == ["ein", "märchen", "l’été", "東京", "2020"]
