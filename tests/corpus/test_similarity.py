import numpy as np
import pytest

from tasks.corpus.similarity import Similarity, replacements, spread_of
from tasks.items.item import Item
from tests.corpus.scripted import words_as_vector

AXES = np.eye(4, dtype=np.float32)


def test_spread_is_the_mean_over_pairs() -> None:
    assert spread_of(AXES[[0, 1, 2]]) == pytest.approx(1)
    assert spread_of(AXES[[0, 0, 1]]) == pytest.approx(2 / 3)
    assert spread_of(AXES[[3, 3]]) == pytest.approx(0)


def test_a_candidate_takes_a_place_only_where_the_spread_rises() -> None:
    texts = AXES[[0, 0, 1]]
    assert replacements(texts, {1: AXES[2]}, {1: 1}, 1) == {1: (True, "spread: 0.6667 to 1.0000")}
    assert replacements(texts, {1: AXES[1]}, {1: 1}, 1) == {1: (False, "spread: 0.6667 to 0.6667")}
    assert replacements(texts, {2: AXES[0]}, {2: 1}, 1) == {2: (False, "spread: 0.6667 to 0.0000")}
    assert replacements(texts, {}, {}, 1) == {}


def test_what_was_kept_in_earlier_slots_counts() -> None:
    texts = AXES[[0, 0]]
    found = replacements(texts, {1: AXES[2], 0: AXES[2]}, {0: 1, 1: 1}, 1)
    assert {slot: kept for slot, (kept, _) in found.items()} == {0: True, 1: False}
    assert np.array_equal(texts, AXES[[0, 0]])  # as it was


def test_an_item_that_is_not_near_enough_keeps_its_text() -> None:
    texts = AXES[[0, 0]]
    assert replacements(texts, {0: AXES[1]}, {0: 3}, 1) == {0: (False, "item rank: 3, not at most 1")}
    assert replacements(texts, {0: AXES[1]}, {0: 3}, 3)[0][0]


def test_vectors_are_those_of_texts_after_their_item_s_content() -> None:
    heat, story = Item("Heat", 1995, ["Crime"], "A long film."), Item("Toy Story", 1995, ["Comedy"])
    contents = ["Heat (1995). Crime. A long film", "Toy Story (1995). Comedy"]
    similarity = Similarity(words_as_vector, ["h", "t"], words_as_vector(contents), 2)
    vectors = similarity.vectors(["About a thief.", "About dolls."], [heat, story])
    expected = [
        heat.content_with("About a thief.", 2),
        story.content_with("About dolls."),
    ]
    assert np.array_equal(vectors, words_as_vector(expected))
    assert similarity.ranks(vectors, ["h", "t"]) == [1, 1]
    assert similarity.ranks(vectors, ["t", "h"]) == [2, 2]
