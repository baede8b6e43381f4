import json

from hypothesis import given
from hypothesis import strategies as st

from tasks.items.content import MARKS, declared, described, item_content, neutral, shortened, text_content


@given(st.text(st.sampled_from("<|>/s[INST]｜im_end\n\x00 \u200b")))
def test_neutral_text_is_one_line_without_marks_however_they_are_nested(text: str) -> None:
    out = neutral(text)
    assert not MARKS.search(out)
    assert "".join(out.split()) == out.replace(" ", "")  # no white space but the space
    assert neutral(out) == out


def test_ordinary_text_stays() -> None:
    for text in (
        "Amélie (Le Fabuleux destin)",
        "I <3 you",
        "a < b > c",
        "[REC]",
        "<s>".upper() + "x",
        "50% | off",
    ):
        assert neutral(text) == text or text.startswith("<S>")


def test_a_huge_field_is_cut_in_words_and_letters() -> None:
    assert len(shortened("x" * 10_000_000, 40)) == 60
    assert shortened("a b c", 0) == "" == shortened("", 5)


def test_declared_columns_keep_their_order_and_lose_what_is_empty() -> None:
    assert declared('{"b": "2", "a": null, "c": ""}', 5) == [("b", "2")]
    assert declared(None, 5) == []
    assert described(None, None, 5) == []
    assert described("One. Two. ", None, 5) == ["One. Two"]


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
