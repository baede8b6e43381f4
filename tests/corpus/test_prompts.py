import pytest

from tasks.corpus.prompts import facts_part, prompt_hash, prompts_for, task_part, text_seed
from tasks.models.engine import Sampling
from tasks.settings import FILM_ANGLES, Corpus

SAMPLING = Sampling(40, 0.7, 40)


def test_one_prompt_per_angle_that_share_all_but_the_opening() -> None:
    prompts = prompts_for(Corpus(), "Heat", 1995, ["Action", "Crime"])
    assert [prompt[2] for prompt in prompts] == [angle.opening for angle in FILM_ANGLES]
    assert len({prompt[:2] for prompt in prompts}) == 1
    task, facts, _ = prompts[0]
    assert facts == "Film: Heat (1995), action, crime.\n"
    assert "For each film, write one short sentence: who would love it, how it feels, or what" in task


def test_task_with_one_angle_has_no_or() -> None:
    task = task_part("book", FILM_ANGLES[:1])
    assert "For each book, write one short sentence: who would love it.<|im_end|>" in task


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (("unknown", None, []), "Film: unknown.\n"),
        (("Heat", 1995, []), "Film: Heat (1995).\n"),
        (("Two\n lines", None, ["Film-Noir"]), "Film: Two lines, film-noir.\n"),
    ],
)
def test_facts_of_items_that_lack_some(content: tuple[str, int | None, list[str]], facts: str) -> None:
    assert facts_part("film", *content) == facts


def test_seed_depends_on_item_slot_attempt_and_run() -> None:
    seeds = {
        text_seed(*of)
        for of in ((0, "1", 0, 0), (1, "1", 0, 0), (0, "2", 0, 0), (0, "1", 1, 0), (0, "1", 0, 1))
    }
    assert len(seeds) == 5
    assert text_seed(0, "1", 0, 0) in seeds
    assert all(0 <= seed < 2**63 for seed in seeds)  # a bigint in the warehouse


def test_hash_changes_with_all_that_a_text_depends_on() -> None:
    (prompt, other, _) = prompts_for(Corpus(), "Heat", 1995, [])
    base = prompt_hash("openvino", prompt, SAMPLING, 2, 5)
    assert prompt_hash("openvino", prompt, SAMPLING, 2, 5) == base
    changed = {
        prompt_hash("transformers", prompt, SAMPLING, 2, 5),
        prompt_hash("openvino", other, SAMPLING, 2, 5),
        prompt_hash("openvino", prompt, Sampling(41, 0.7, 40), 2, 5),
        prompt_hash("openvino", prompt, Sampling(40, 0.8, 40), 2, 5),
        prompt_hash("openvino", prompt, Sampling(40, 0.7, 41), 2, 5),
        prompt_hash("openvino", prompt, SAMPLING, 3, 5),
        prompt_hash("openvino", prompt, SAMPLING, 2, 6),
    }
    assert base not in changed
    assert len(changed) == 7
