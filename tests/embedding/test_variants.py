"""Vectors of texts that are tried."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.embedding.variants import content_vectors, item_spread, text_vectors
from tasks.items.item import Item

ITEMS = pl.DataFrame(
    {
        "item_id": ["1", "2", "3"],
        "title": ["Toy Story", "Heat", "Alien"],
        "year": [1995, 1995, None],
        "categories": [["Animation"], ["Crime"], []],
        "description": ["A doll is jealous.", None, None],
        "content": [None, None, None],
    },
    schema_overrides={"content": pl.String},
)
TEXTS = pl.DataFrame(
    {
        "item_id": ["1", "1", "2"],
        "slot": [1, 3, 3],
        "text": ["One.", "Two.", "Three."],
        "text_id": ["a", "b", "c"],
    }
)


class Encoder:
    """A text's vector is its length and how many letters e it has."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        return np.array([vector(text) for text in texts], dtype=np.float32).reshape(-1, 2)


def vector(text: str) -> list[float]:
    return [len(text), text.count("e")]


def test_each_text_is_encoded_after_its_item_and_slots_move_together() -> None:
    found = text_vectors(TEXTS.drop("text_id"), ITEMS, 40, Encoder())
    assert found.shape == (3, 2, 2)
    one = Item("Toy Story", 1995, ["Animation"], "A doll is jealous.").content_with("One.")
    assert found[0, 0].tolist() == vector(one)
    assert found[1, 1].tolist() == vector(Item("Heat", 1995, ["Crime"]).content_with("Three."))
    assert not found[1, 0].any()
    assert not found[2].any()


def test_known_vectors_are_not_made_again() -> None:
    encoder = Encoder()
    known = {"a": np.array([7, 8], np.float32), "c": np.array([9, 9], np.float32)}
    found = text_vectors(TEXTS, ITEMS, 40, encoder, known)
    assert found[0, 0].tolist() == [7, 8]
    assert found[1, 1].tolist() == [9, 9]
    assert len(encoder.asked) == 1
    assert found[0, 1].tolist() == vector(encoder.asked[0])


def test_content_alone() -> None:
    found = content_vectors(ITEMS, 0, Encoder())
    assert found.shape == (3, 1, 2)
    assert found[0, 0].tolist() == vector(Item("Toy Story", 1995, ["Animation"]).content())
    whole = content_vectors(ITEMS, 40, Encoder())
    assert whole[0, 0].tolist() == vector(
        Item("Toy Story", 1995, ["Animation"], "A doll is jealous.").content()
    )


def test_spread_of_an_item_is_the_mean_over_its_pairs() -> None:
    x, y = np.eye(2, dtype=np.float32)
    none = np.zeros(2, dtype=np.float32)
    found = item_spread(np.array([[x, y, y], [x, x, none], [x, none, none], [none] * 3]))
    np.testing.assert_allclose(found, [2 / 3, 0, np.nan, np.nan], atol=1e-9)
