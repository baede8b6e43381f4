"""From an item and an angle to a prompt.

A prompt has three parts, from what all share to what is its own: the task, the item's facts, the opening of
the answer. The model goes on from the opening, which keeps 135 million parameters on the angle better than an
instruction does; the facts come before the angle, so that an engine reads them once for all K.

An angle's template makes the facts and, on its last line, the opening.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.items.content import MARKS, neutral, shortened
from tasks.items.item import Item
from tasks.models.engine import Prompt, Sampling
from tasks.run.fingerprint import fingerprint
from tasks.settings.angles import LANGUAGES, Angle
from tasks.settings.corpus import Corpus
from tasks.settings.templates import Columns, rendered

SEPARATOR = "\x1e"  # between the parts of a stored prompt
REWRITE = -1  # the attempt whose seed the second pass takes; the first makes none of that number
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")  # all but a new line


def task_part(noun: str, angles: Sequence[Angle]) -> str:
    """What is asked for, once for all angles of one language.

    It stays this short on purpose: longer instructions made the texts of SmolLM2-135M worse.
    """
    return (
        f"<|im_start|>user\nFor each {noun}, write {_sentence(angles)}: {_asked(angles)}.<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def prompts_for(corpus: Corpus, item: Item) -> list[Prompt]:
    """The prompts of one item, one per angle.

    Raises:
        PolyrecError: a template fails for this item.
    """
    words = corpus.description_words
    values = {
        "title": neutral(item.title),
        "year": "" if item.year is None else item.year,
        "categories": tuple(filter(None, map(neutral, item.categories))),
        "description": shortened(item.description or "", words),
        "content": Columns(item.declared(words)),
        "noun": corpus.noun,
        "facts": item.facts(corpus.noun, words),
    }
    tasks = {
        language: task_part(corpus.noun, [angle for angle in corpus.angles if angle.language == language])
        for language in set(corpus.languages.values())
    }
    return [(tasks[angle.language], *_facts_and_opening(angle, values)) for angle in corpus.angles]


def _facts_and_opening(angle: Angle, values: Mapping[str, Any]) -> tuple[str, str]:
    """What a template gives, neither part empty: engines want something to read in each."""
    # Values are neutral by themselves; what they and the template make together may not be.
    text = MARKS.sub(" ", _CONTROL.sub(" ", rendered(angle.name, angle.template, values)))
    *facts, opening = (line.strip() for line in text.split("\n"))
    above = "\n".join(filter(None, facts)) or values["noun"].capitalize()
    return f"{above}\n", opening or f"This {values['noun']}"


def rewrite_prompt(corpus: Corpus, prompt: Prompt, texts: Sequence[str], language: str = "en") -> Prompt:
    """The prompt of the second pass for a text, from the first pass's; `texts` are quoted.

    Facts and texts stand in the request: beside the opening, a small model copies them.
    """
    _, *facts, opening = prompt
    known = "".join([*facts, " ".join(texts)])
    angles = [angle for angle in corpus.angles if angle.language == language]
    about = f"about this {corpus.noun} that says something new"
    asked = f"Write {_sentence(angles)} {about}: {_asked(angles)}."
    return f"<|im_start|>user\n{known}\n{asked}<|im_end|>\n<|im_start|>assistant\n", opening


def stored(prompt: Prompt) -> str:
    """A prompt as features.texts holds it."""
    return SEPARATOR.join(prompt)


def parts_of(prompt: str) -> Prompt:
    """A stored prompt in its parts again."""
    return tuple(prompt.split(SEPARATOR))


def sampling_of(corpus: Corpus) -> Sampling:
    """How tokens are drawn, by the settings."""
    return Sampling(corpus.max_new_tokens, corpus.temperature, corpus.top_k)


def text_seed(seed: int, item_id: str, slot: int, attempt: int) -> int:
    """The seed of one attempt at one text: nothing but these four decides."""
    return int(fingerprint("text", seed, item_id, slot, attempt)[:15], 16)


def prompt_hash(engine: str, prompt: Prompt, sampling: Sampling, attempts: int, seed: int) -> str:
    """Hash of all that a text depends on: while it is unchanged, the text stays."""
    return fingerprint(engine, prompt, vars(sampling), attempts, seed)


def _asked(angles: Sequence[Angle]) -> str:
    """What the texts say, as a request lists it."""
    *first, last = [angle.instruction for angle in angles]
    return f"{', '.join(first)}, or {last}" if first else last


def _sentence(angles: Sequence[Angle]) -> str:
    """What kind of text is asked for."""
    language = angles[0].language
    return "one short sentence" if language == "en" else f"one short sentence in {LANGUAGES[language]}"
