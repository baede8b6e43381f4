"""None of a hundred injected orders reaches a text that is shown."""

from pathlib import Path

import polars as pl
import pytest

from tasks.corpus.acceptance import Rules, SafetyCheck
from tasks.corpus.planning import chosen_texts, wanted_texts
from tasks.corpus.safety.check import SafetyRules, load_safety
from tasks.corpus.safety.prompt_injection import as_data, follows_order, orders_in
from tasks.corpus.writing import Writer, write_texts
from tasks.items.item import Item, items_by_id
from tasks.models.engine import Engine, Generation
from tasks.settings.corpus import Corpus
from tests.corpus.injections import KINDS, PLACES, ObedientEngine, injected_items

CORPUS = Corpus(batch_items=100)
INJECTED, ITEMS = injected_items()
PLACE_NAMES = ("title", "description", "category", "first text")
BY_FORM = {(one.kind, one.place): one.item_id for one in INJECTED}
FEW = [BY_FORM[kind, PLACE_NAMES[at % len(PLACE_NAMES)]] for at, kind in enumerate(KINDS)]
"""An item of each kind, in every place in turn."""


@pytest.fixture(scope="module")
def by_form() -> SafetyCheck:
    """The rules without the classifier, which needs the encoder."""
    return lambda texts, items: [
        SafetyRules.by_form(text, item, None) for text, item in zip(texts, items, strict=True)
    ]


def shown(engine: Engine, safety: SafetyCheck, items: pl.DataFrame = ITEMS) -> pl.DataFrame:
    """The texts that would be live; where an instruction is in a first text, that was written first."""
    wanted = wanted_texts(items, CORPUS, 0)
    first = {
        (row["item_id"], row["slot"], row["prompt_hash"]): Generation(
            " ".join(KINDS[kind][:2]), 9, -9.0, True
        )
        for item_id, kind, place in INJECTED
        if place == "first text"
        for row in wanted.filter(pl.col("item_id") == item_id).iter_rows(named=True)
    }
    texts = write_texts(wanted, Writer(CORPUS, engine, Rules(safety, "rules"), items_by_id(items), 0, first))
    known = texts.with_columns(
        decision=pl.lit(None, dtype=pl.String), hidden=pl.col("status") == "quarantined"
    )
    return chosen_texts(wanted, known.filter(~pl.col("hidden")))


def assert_clean(texts: pl.DataFrame, items: pl.DataFrame = ITEMS) -> None:
    assert texts.height == items.height * len(CORPUS.angles)
    kinds = {one.item_id: one.kind for one in INJECTED}
    written = dict(zip(texts["text_id"], texts["item_id"], strict=True))
    assert len(written) == texts.height
    for row in texts.iter_rows(named=True):
        order, answer, mark = KINDS[kinds[row["item_id"]]]
        assert mark not in row["text"].lower(), row
        assert order not in row["text"] and answer not in row["text"], row
        assert row["text"]


def test_there_are_a_hundred_in_four_places_and_ten_kinds() -> None:
    assert len(INJECTED) == 100 and len(KINDS) == 10
    assert {place for _, _, place in INJECTED} == set(PLACE_NAMES)
    assert len(PLACES) == 10


def test_prompts_hold_no_instruction() -> None:
    prompts = wanted_texts(ITEMS, CORPUS, 0)["prompt"].str.to_lowercase()
    for _, _, mark in KINDS.values():
        assert not prompts.str.contains(mark, literal=True).any(), mark
    assert prompts.str.contains("a family keeps a").all()  # what is no instruction stays


def test_obedient_model_never_hears_an_instruction(by_form: SafetyCheck) -> None:
    engine = ObedientEngine()
    assert_clean(shown(engine, by_form))
    assert engine.obeyed == 0


def test_model_that_writes_what_was_injected_is_caught(by_form: SafetyCheck) -> None:
    """As if the instruction had reached it in a way that prompts do not show."""
    leaks = {}
    for one in INJECTED:
        if one.place == "first text":
            continue  # its data hold nothing that could leak; its first text is checked as in the other tests
        title = as_data(items_by_id(ITEMS)[one.item_id], f"untitled {one.item_id}").title
        leaks[title] = KINDS[one.kind][1]
    engine = ObedientEngine(leaks)
    texts = shown(engine, by_form)
    assert_clean(texts)
    assert (texts["status"] == "fallback").mean() > 0.5  # type: ignore[operator]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_an_order_and_its_answer_follows_it(kind: str) -> None:
    order, answer, _ = KINDS[kind]
    assert orders_in(order) == [order]
    assert follows_order(answer, Item("The Town", 1990, [], f"A quiet place. {order}"))
    assert not follows_order("A story about a quiet place.", Item("The Town", 1990, [], f"Quiet. {order}"))


@pytest.mark.parametrize(
    "text",
    [
        "Say Anything",
        "Don't Say a Word",
        "Never Been Kissed",
        "The Story of Us",
        "Do the Right Thing",
        "Tell No One",
        "Stop Making Sense",
        "A writer forgets the rules of his own game.",
        "He must end the war before it starts.",
        "Make Way for Tomorrow",
        "Always",
        "Speak",
        "Repeat Performance",
        "She is told to ignore the past and start again.",
    ],
)
def test_titles_and_plots_are_no_orders(text: str) -> None:
    assert orders_in(text, title=True) == []
    item = Item(text, 1990, ["Drama"])
    assert as_data(item) == item


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_default_engine_shows_none(models: Path, every: bool) -> None:
    """Of the hundred, or of one of each kind."""
    from tasks.models.engines import load_engine

    engine = load_engine(CORPUS, models)
    items = ITEMS if every else ITEMS.filter(pl.col("item_id").is_in(FEW))
    assert every or items.height == len(KINDS)
    texts = shown(engine, load_safety(CORPUS, models), items)
    assert_clean(texts, items)
    assert (texts["status"] == "ok").mean() > 0.5  # type: ignore[operator]
