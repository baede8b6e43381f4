"""From an item and an angle to a prompt.

A prompt has three parts, from what all share to what is its own: the task, the item's facts, the opening of
the answer. The model goes on from the opening, which keeps 135 million parameters on the angle better than an
instruction does; the facts come before the angle, so that an engine reads them once for all K.
"""

from collections.abc import Sequence

from tasks.fingerprint import fingerprint
from tasks.models.engine import Prompt, Sampling
from tasks.settings import Angle, Corpus


def task_part(noun: str, angles: Sequence[Angle]) -> str:
    """What is asked for, once for all angles.

    It stays this short on purpose: longer instructions made the texts of SmolLM2-135M worse.
    """
    *first, last = [angle.instruction for angle in angles]
    asked = f"{', '.join(first)}, or {last}" if first else last
    return (
        f"<|im_start|>user\nFor each {noun}, write one short sentence: {asked}.<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def facts_part(noun: str, title: str, year: int | None, categories: Sequence[str]) -> str:
    r"""The item's content, nothing computed from interactions.

    >>> facts_part("film", "Toy Story", 1995, ["Animation", "Comedy"])
    'Film: Toy Story (1995), animation, comedy.\n'
    """
    # Newlines in a title would look like the end of the facts.
    name = " ".join(title.split())
    dated = f"{name} ({year})" if year is not None else name
    return f"{noun.capitalize()}: {', '.join([dated, *(category.lower() for category in categories)])}.\n"


def prompts_for(corpus: Corpus, title: str, year: int | None, categories: Sequence[str]) -> list[Prompt]:
    """The prompts of one item, one per angle."""
    shared = task_part(corpus.noun, corpus.angles), facts_part(corpus.noun, title, year, categories)
    return [(*shared, angle.opening) for angle in corpus.angles]


def text_seed(seed: int, item_id: str, slot: int, attempt: int) -> int:
    """The seed of one attempt at one text: nothing but these four decides."""
    return int(fingerprint("text", seed, item_id, slot, attempt)[:15], 16)


def prompt_hash(engine: str, prompt: Prompt, sampling: Sampling, attempts: int, seed: int) -> str:
    """Hash of all that a text depends on: while it is unchanged, the text stays."""
    return fingerprint(engine, prompt, vars(sampling), attempts, seed)
