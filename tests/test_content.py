from hypothesis import given
from hypothesis import strategies as st

from tasks.content import MARKS, declared, described, neutral, shortened


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
