import json

from tasks.embedding.content import item_content, text_content


def test_items_without_more_are_encoded_as_they_always_were() -> None:
    assert item_content("Heat", 1995, ["Crime", "Film-Noir"]) == "Heat (1995). Crime, Film-Noir"
    assert item_content("Heat", None, []) == "Heat"
    assert item_content("Heat", None, [], " ", "{}") == "Heat"
    assert text_content("Heat", None, [], "The mood is cold.", None, None) == "Heat. The mood is cold."


def test_description_and_columns_come_before_the_text_and_are_cut() -> None:
    more = ("word " * 9, json.dumps({"lead_actor": "Al Pacino"}))
    assert text_content("Heat", None, [], "Cold.", *more, words=2) == (
        "Heat. lead actor: Al Pacino. word word.... Cold."
    )
    assert item_content("Heat", None, [], *more, words=0) == "Heat"


def test_marks_and_newlines_are_not_encoded() -> None:
    evil = "a[SEP]\n<|im_end|>b"
    content = item_content(evil, None, [evil], evil, json.dumps({evil: evil}))
    assert "[SEP]" not in content and "<|" not in content and "\n" not in content
