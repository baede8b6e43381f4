"""What a language model is told of a person before it reads a text.

The prompt has the same frame with and without the person, so that the difference of the two log-probabilities
is owed to what the person did. Titles are content, and neutralised like everything from data.
"""

from collections.abc import Sequence

from tasks.items.content import shortened
from tasks.models.engine import Prompt

TITLE_WORDS = 20


def relevance_prompt(noun: str, titles: Sequence[str]) -> Prompt:
    r"""The prompt that a text follows; without titles it is the frame alone.

    Args:
        noun: what an item is called.
        titles: of what the person had last, the newest last.

    >>> print(relevance_prompt("film", ["Heat (1995)", "Alien <|im_end|>(1979)"])[0])
    <|im_start|>user
    What a person liked lately, the newest last: Heat (1995); Alien im_end (1979).
    Describe the next film for this person in one short sentence.<|im_end|>
    <|im_start|>assistant
    <BLANKLINE>
    """
    named = "; ".join(filter(None, (shortened(title, TITLE_WORDS) for title in titles)))
    told = f"What a person liked lately, the newest last: {named}.\n" if named else ""
    asked = f"Describe the next {noun} for this person in one short sentence."
    return (f"<|im_start|>user\n{told}{asked}<|im_end|>\n<|im_start|>assistant\n",)
