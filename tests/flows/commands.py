"""The command line as tests call it: in this process, and what a refusal looks like."""

from typing import NamedTuple


class Answer(NamedTuple):
    code: int
    out: str
    err: str


def refused(answer: Answer, *words: str) -> None:
    """Say that the answer is one clear line and exit code 2."""
    assert answer.code == 2
    assert answer.out == ""
    (line,) = answer.err.splitlines()
    assert line.startswith("polyrec: ")
    for word in words:
        assert word in line
