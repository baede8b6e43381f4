"""Validation of the catalogue: one row an item, its content, everything else as attributes."""

from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.connection import Warehouse
from warehouse.expressions import categories, clean_text, content_of, json_of, json_path, listed_text, trimmed
from warehouse.sql import text_of
from warehouse.staging import Staged
from warehouse.validation import LEFT_OUT, delivered, named_fault, table_of, validate

TITLE_WITH_YEAR = r"^(.+?)\s*\((\d{4})\s*(?:[-–]\s*(?:\d{4})?\s*)?\)$"
TRUE = ("true", "t", "1", "yes", "y")
FALSE = ("false", "f", "0", "no", "n")
UNUSUAL = 0.8  # rank correlation from which a content column is taken to be computed from interactions
FEW_ITEMS = 20


@dataclass(frozen=True)
class ItemRules:
    """Which delivered column means what; fields are those of the settings."""

    id: str
    title: str
    description: str | None
    categories: str | None
    category_delimiter: str
    year: str | None
    year_in_title: bool
    image: str | None
    active: str | None
    content: Sequence[str]
    attributes: Sequence[str]
    duplicates: str
    max_items: int | None


def validate_items(warehouse: Warehouse, staged: Staged, rules: ItemRules, also: Sequence[str]) -> None:
    """Validate the catalogue, joined with the further tables `also`, which were validated before."""
    kinds = delivered(rules.categories) if rules.categories else None
    values = {
        "item_id": trimmed(delivered(rules.id)),
        "whole_title": clean_text(delivered(rules.title)),
        "description": clean_text(listed_text(delivered(rules.description))),
        "categories": categories(kinds, rules.category_delimiter),
        "year_text": clean_text(delivered(rules.year)),
        "image_path": clean_text(delivered(rules.image)),
        "says": f"coalesce(lower(trim({delivered(rules.active)})), '')",
        "content": content_of(rules.content, "s."),
        "attributes": json_of(rules.attributes, "s."),
    }
    title, year = "whole_title", "nullif(try_cast(left(year_text, 4) as integer), 0)"
    if rules.year_in_title:
        dated = f"regexp_extract(whole_title, {text_of(TITLE_WITH_YEAR)}, ['title', 'year'])"
        title = f"coalesce(nullif({dated}.title, ''), whole_title)"
        year = f"coalesce({year}, try_cast(nullif({dated}.year, '') as integer))"
    selected = f"""item_id, {title} as title, {year} as year, categories, description, content,
        attributes, image_path, says = '' or says in {TRUE} as active"""
    faults = [
        (rules.id, named_fault("item_id")),
        (rules.title, "case when whole_title is null then 'title is missing' end"),
        (
            rules.active or "",
            f"case when not (says = '' or says in {TRUE + FALSE}) "
            "then 'active is neither true nor false: write true or false, 1 or 0, yes or no' end",
        ),
    ]
    validate(warehouse, staged, values, faults, ["item_id"], selected, rules.duplicates)
    if rules.max_items is not None:
        _only_first(warehouse, rules)
    for kind in also:
        _join(warehouse, kind)


def _only_first(warehouse: Warehouse, rules: ItemRules) -> None:
    """Leave out all items but the first ones, and remember which."""
    used, bad, left_out = (table_of("items", what) for what in ("used", "bad", "left out"))
    warehouse.run(
        f"""create or replace table {left_out} as
            select n, item_id from {used} order by n offset {rules.max_items}"""
    )
    reason = f"item id {LEFT_OUT}items"
    warehouse.run(f"insert into {bad} select n, ?, ? from {left_out}", [rules.id, reason])
    warehouse.run(f"delete from {used} where n in (select n from {left_out})")


def _join(warehouse: Warehouse, kind: str) -> None:
    """Give items what a further table says about them; what they say themselves wins."""
    used, other = table_of("items", "used"), table_of(kind, "used")

    def merged(name: str) -> str:
        parts = f"coalesce(o.{name}, '{{}}'), coalesce(i.{name}, '{{}}')"
        none = f"o.{name} is null and i.{name} is null"
        return f"case when {none} then null else json_merge_patch({parts})::varchar end as {name}"

    warehouse.run(
        f"""create or replace table {used} as
            select i.* replace (coalesce(i.description, o.description) as description,
                {merged("content")}, {merged("attributes")})
            from {used} as i left join {other} as o using (item_id)"""
    )


def like_interactions(warehouse: Warehouse, column: str) -> tuple[int, int, float, float]:
    """How far a content column looks computed from interactions.

    Returns:
        Items with a value; those whose value is a number; the absolute rank correlation of these numbers with
        the items' event counts, and with their mean event values (0 where there are too few items to say).
    """
    found = warehouse.query("staged/like_interactions", path=json_path(column), few=FEW_ITEMS)
    filled, numeric, *correlations = found.row(0)
    with_counts, with_means = (
        abs(value) if value is not None and value == value else 0.0 for value in correlations
    )
    return filled, numeric, with_counts, with_means
