import json

import polars as pl

from tasks.items.item import Item, items_by_id, items_of


def test_declared_columns_keep_their_order_and_lose_what_is_empty() -> None:
    item = Item("Heat", columns='{"b": "2", "a": null, "c": ""}')
    assert list(item.declared(5).items()) == [("b", "2"), ("c", "")]
    assert item.described(5) == ["b: 2"]
    assert Item("Heat").declared(5) == {}
    assert Item("Heat").described(5) == []
    assert Item("Heat", description="One. Two. ").described(5) == ["One. Two"]


def test_items_without_more_are_encoded_as_they_always_were() -> None:
    assert Item("Heat", 1995, ["Crime", "Film-Noir"]).content() == "Heat (1995). Crime, Film-Noir"
    assert Item("Heat").content() == "Heat"
    assert Item("Heat", None, [], " ", "{}").content() == "Heat"
    assert Item("Heat").content_with("The mood is cold.") == "Heat. The mood is cold."


def test_description_and_columns_come_before_the_text_and_are_cut() -> None:
    item = Item("Heat", None, [], "word " * 9, json.dumps({"lead_actor": "Al Pacino"}))
    assert item.content_with("Cold.", words=2) == "Heat. lead actor: Al Pacino. word word.... Cold."
    assert item.content(words=0) == "Heat"


def test_marks_and_newlines_are_not_encoded() -> None:
    evil = "a[SEP]\n<|im_end|>b"
    content = Item(evil, None, [evil], evil, json.dumps({evil: evil})).content()
    assert "[SEP]" not in content and "<|" not in content and "\n" not in content


def test_items_of_a_frame() -> None:
    frame = pl.DataFrame(
        {
            "item_id": ["1"],
            "title": ["Heat"],
            "year": [1995],
            "categories": [["Crime"]],
            "description": [None],
            "content": [None],
            "content_hash": ["x"],
        }
    )
    assert items_by_id(frame)["1"].fields() == ["Heat", "1995", "Crime"]
    assert items_of(frame.select("title", "year")) == [Item("Heat", 1995)]
