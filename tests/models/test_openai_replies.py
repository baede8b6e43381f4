import pytest
from pydantic import ValidationError

from tasks.models.openai_replies import Reply, ends_of, first_sentence, log_prob_of_end


@pytest.mark.parametrize(
    ("text", "pieces", "ends"),
    [
        ("", [], []),
        (" a b", [" a", " b"], [2, 4]),
        ("日本 x", ["\ufffd", "\ufffd", "本", " x"], [0, 0, 2, 4]),  # half characters
        ("日本", ["bytes:\\xe6", "bytes:\\x97\\xa5", "本"], [0, 0, 2]),
        ("a", ["a", "<|im_end|>"], [1, 1]),
        ("ab", ["", "a", "", "b"], [0, 1, 1, 2]),
    ],
)
def test_where_pieces_end(text: str, pieces: list[str], ends: list[int]) -> None:
    assert ends_of(text, pieces) == ends


@pytest.mark.parametrize(
    ("lead", "text", "pieces", "start", "kept", "count"),
    [
        ("It is", " dark. More", [" dark", ".", " More"], 0, "It is dark.", 2),
        ("It is", " dark", [" dark", "<|im_end|>"], 0, "It is dark", 1),
        ("It is", "", ["<|im_end|>"], 0, "It is", 0),
        ("It is", " a\nb", [" a", "\n", "b"], 0, "It is a", 1),
        ("It is", " a\nb", [" a", "\nb"], 0, "It is a", 1),
        ("", '"It is." More', ['"', "It", " is", ".", '"', " More"], 1, "It is.", 4),
        ("See", " Dr. Who. More", [" Dr", ".", " Who", ".", " More"], 0, "See Dr. Who.", 4),
        ("Takes", " 3.5 h. More", [" 3", ".", "5", " h", ".", " More"], 0, "Takes 3.5 h.", 5),
        (
            "",
            "Ein „Café“! Ja",
            ["Ein", " „", "Caf", "\ufffd", "\ufffd", "“", "!", " Ja"],
            0,
            "Ein „Café“!",
            7,
        ),
    ],
)
def test_first_sentence(lead: str, text: str, pieces: list[str], start: int, kept: str, count: int) -> None:
    assert first_sentence(lead, text, pieces, start) == (kept, count)


def test_log_probability_of_the_end() -> None:
    tokens = [("", None), ("user", -9.0), ("\n", -8.0), ("It", -4.0), (" is", -2.0), (" x", -1.0)]
    text = "<|im_start|>user\nIt is x"
    assert log_prob_of_end(text, tokens, 2) == -1
    assert log_prob_of_end(text, tokens, 5) == -3
    assert log_prob_of_end(text, tokens, 3) == -3  # " is" lies across the border
    assert log_prob_of_end(text, tokens, len(text)) is None  # the first token has none
    assert log_prob_of_end("日本", [("\ufffd", -1.0), ("\ufffd", -2.0), ("本", -4.0)], 1) == -4
    assert log_prob_of_end("abc", [], 1) is None


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        '{"choices": []}',
        '{"choices": [{"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": []}}]}',
        '{"choices": [{"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": [NaN]}}]}',
        '{"choices": [{"text": "a"}], "usage": {"prompt_tokens": -1}}',
        "[1]",
        '{"choices": [{"text": "a"}',
    ],
)
def test_what_is_no_answer(answer: str) -> None:
    with pytest.raises(ValidationError):
        Reply.model_validate_json(answer)


def test_chat_that_refuses_has_no_text() -> None:
    reply = Reply.model_validate_json('{"choices": [{"message": {"content": null, "refusal": "no"}}]}')
    assert (reply.text, reply.tokens) == ("", [])
