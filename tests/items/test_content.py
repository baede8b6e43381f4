from hypothesis import given
from hypothesis import strategies as st

from tasks.items.content import MARKS, neutral, shortened


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
