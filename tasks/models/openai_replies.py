"""What OpenAI-compatible servers answer, and how its tokens lie on its text."""

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, Field, FiniteFloat, model_validator

from tasks.models.engine import END, ends_sentence


class Token(BaseModel):
    """A token as chat answers, and llama-server's completions, list it."""

    token: str
    logprob: FiniteFloat


class LogProbs(BaseModel):
    """Log-probabilities: two lists of equal length, or a list of tokens."""

    tokens: list[str] | None = None
    token_logprobs: list[FiniteFloat | None] | None = None
    content: list[Token] | None = None

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if len(self.tokens or []) != len(self.token_logprobs or []):
            raise ValueError("tokens and token_logprobs differ in length")
        return self

    def pairs(self) -> list[tuple[str, float | None]]:
        """Each token with its log-probability, which the first one of a text has none of."""
        if self.content is not None:
            return [(one.token, one.logprob) for one in self.content]
        return list(zip(self.tokens or [], self.token_logprobs or [], strict=True))


class Message(BaseModel):
    """The answer of a chat."""

    content: str | None = None


class Choice(BaseModel):
    """An answer; `text` of completions, `message` of a chat."""

    text: str | None = None
    message: Message | None = None
    logprobs: LogProbs | None = None


class Usage(BaseModel):
    """Tokens that are paid for."""

    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)


class Reply(BaseModel):
    """A whole answer of a server."""

    choices: list[Choice] = Field(min_length=1)
    usage: Usage | None = None

    @property
    def text(self) -> str:
        """What was written."""
        choice = self.choices[0]
        return (choice.message.content if choice.message else choice.text) or ""

    @property
    def tokens(self) -> list[tuple[str, float | None]]:
        """Its tokens and their log-probabilities; empty where the server gives none."""
        logprobs = self.choices[0].logprobs
        return logprobs.pairs() if logprobs else []


def ends_of(text: str, pieces: Sequence[str]) -> list[int]:
    """Where in `text` each piece ends.

    A piece that the text does not show (half a character, a mark such as the end of a turn) ends where the
    one before it does.

    >>> ends_of("naïve end", ["na", "\ufffd", "\ufffd", "ve", " end", "<|im_end|>"])
    [2, 2, 2, 5, 9, 9]
    """
    ends, at = [], 0
    for piece in pieces:
        # Not far beyond: a piece that is not shown must not be taken for a later one.
        found = text.find(piece, at, at + len(piece) + 4) if piece else -1
        at = found + len(piece) if found >= 0 else at
        ends.append(at)
    return ends


def first_sentence(lead: str, text: str, pieces: Sequence[str], start: int = 0) -> tuple[str, int]:
    """Cut a text, written after `lead`, behind its first sentence, as the in-process engines stop there.

    `pieces` are the tokens of the text; what stands before its place `start` is left out. Returns lead and
    kept text, and how many of the pieces that took.

    >>> first_sentence("A", " film of Dr. Who. More.", [" film", " of", " Dr", ".", " Who", ".", " More"])
    ('A film of Dr. Who.', 6)
    """
    count, at = 0, start
    for end in ends_of(text, pieces):
        if at >= len(text):  # marks after the end
            break
        if "\n" in text[at:end]:
            break
        piece, at = text[at:end], max(at, end)
        count += 1
        if END.search(piece.rstrip()) and ends_sentence(lead + text[start:at]):
            break
    return (lead + text[start:at]).strip(), count


def log_prob_of_end(text: str, tokens: Sequence[tuple[str, float | None]], length: int) -> float | None:
    """Sum of the log-probabilities of the tokens that make up the last `length` characters of `text`.

    From behind, since marks of a prompt may not be shown; a token across the border counts. None where the
    tokens do not make up that end.

    >>> log_prob_of_end("A b c.", [("A", None), (" b", -1.0), (" c", -2.0), (".", -0.5)], 3)
    -2.5
    """
    backwards = [piece[::-1] for piece, _ in reversed(tokens)]
    total = 0.0
    for end, (_, log_prob) in zip(ends_of(text[::-1], backwards), reversed(tokens), strict=True):
        if log_prob is None:
            return None
        total += log_prob
        if end >= length:
            return total
    return None
