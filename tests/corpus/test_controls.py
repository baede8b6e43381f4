"""Control texts."""

import polars as pl
import pytest

from tasks.corpus.controls import shuffled_texts, template_texts

ITEMS = pl.DataFrame(
    {
        "item_id": ["1", "2"],
        "title": ["Toy Story", "Heat"],
        "year": [1995, None],
        "categories": [["Animation"], ["Crime", "Drama"]],
        "description": ["Never said.", None],
        "content": [None, None],
    },
    schema_overrides={"content": pl.String},
)


def test_a_template_says_title_year_and_categories_in_every_slot() -> None:
    texts = template_texts(ITEMS, {0: "mood", 2: "use"}, "film")
    assert texts.rows() == [
        ("1", 0, "Toy Story, a film from 1995, feels like animation."),
        ("1", 2, "Toy Story is a film from 1995 to use for animation."),
        ("2", 0, "Heat, a film, feels like crime and drama."),
        ("2", 2, "Heat is a film to use for crime and drama."),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_no_item_keeps_its_own_and_all_texts_stay_together(seed: int) -> None:
    rows = [(str(item), slot, f"{item}.{slot}") for item in range(7) for slot in range(1 + item % 3)]
    texts = pl.DataFrame(rows, schema=["item_id", "slot", "text"], orient="row")
    given = shuffled_texts(texts, seed)
    assert sorted(given["text"]) == sorted(texts["text"])
    of_item = given.group_by("item_id").agg(pl.col("text").str.split(".").list.first().unique())
    for item, sources in of_item.iter_rows():
        assert len(sources) == 1
        assert sources != [item]
    assert given["text"].str.ends_with("0").to_list() == (given["slot"] == 0).to_list()
    assert given.equals(shuffled_texts(texts.reverse(), seed))
    assert not given.equals(shuffled_texts(texts, seed + 1))


def test_one_item_cannot_be_shuffled() -> None:
    with pytest.raises(ValueError, match="texts of 1 items"):
        shuffled_texts(pl.DataFrame({"item_id": ["1"], "slot": [0], "text": ["a"]}), 0)
