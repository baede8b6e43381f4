"""The catalogue judged: one row an item, its content, everything else as attributes."""

from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.expressions import (
    categories,
    clean_text,
    content_of,
    content_value,
    id_fault,
    json_of,
    listed_text,
    trimmed,
)
from warehouse.sql import name_of, text_of
from warehouse.validation import LEFT_OUT, Judging, Rows, numbered, table_of

TITLE_WITH_YEAR = r"^(.+?)\s*\((\d{4})\s*(?:[-–]\s*(?:\d{4})?\s*)?\)$"
TRUE = ("true", "t", "1", "yes", "y")
FALSE = ("false", "f", "0", "no", "n")
UNUSUAL = 0.8
"""Rank correlation from which a content column is taken to be computed from interactions."""
FEW_ITEMS = 20


@dataclass(frozen=True)
class ItemRules:
    """Which delivered column means what."""

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


def judge_items(judging: Judging, rows: Rows, rules: ItemRules, also: Sequence[str]) -> None:
    """Judge the catalogue, joined with the further tables `also`, which were judged before."""

    def text(column: str | None) -> str:
        return clean_text(f"s.{name_of(column)}") if column else "null::varchar"

    def delivered(column: str | None) -> str:
        return f"s.{name_of(column)}" if column else "null::varchar"

    description = clean_text(listed_text(delivered(rules.description))) if rules.description else text(None)
    kinds = delivered(rules.categories) if rules.categories else None
    judging.divide(
        rows.kind,
        f"""with d as (
                select {numbered(rows)} as n, {trimmed(f"s.{name_of(rules.id)}")} as item_id,
                    {text(rules.title)} as whole_title, {description} as description,
                    {categories(kinds, rules.category_delimiter)} as categories,
                    {text(rules.year)} as year_text, {text(rules.image)} as image_path,
                    {delivered(rules.active)} as active_text,
                    {content_of(rules.content, "s.")} as content,
                    {json_of(rules.attributes, "s.")} as attributes
                from staging.{name_of(rows.kind)} as s),
            t as (
                select *, {_year_in_title(rules.year_in_title)} as dated,
                    coalesce(lower(trim(active_text)), '') as says
                from d)
            select n, item_id, coalesce(nullif(dated.title, ''), whole_title) as title,
                coalesce(nullif(try_cast(left(year_text, 4) as integer), 0),
                         try_cast(nullif(dated.year, '') as integer)) as year,
                categories, description, content, attributes, image_path,
                says = '' or says in {TRUE} as active,
                case when ({id_fault("item_id")}) is not null then {text_of(rules.id)}
                    when whole_title is null then {text_of(rules.title)}
                    else {text_of(rules.active or "")} end as field,
                case when ({id_fault("item_id")}) is not null then 'item id ' || {id_fault("item_id")}
                    when whole_title is null then 'title is missing'
                    when not (says = '' or says in {TRUE + FALSE})
                        then 'active is neither true nor false: write true or false, 1 or 0, yes or no'
                    end as reason
            from t""",
        ["item_id"],
        rules.duplicates,
    )
    if rules.max_items is not None:
        _only_first(judging, rules)
    for kind in also:
        _join(judging, kind)


def _year_in_title(wanted: bool) -> str:
    if not wanted:
        return "{'title': '', 'year': ''}"
    return f"regexp_extract(whole_title, {text_of(TITLE_WITH_YEAR)}, ['title', 'year'])"


def _only_first(judging: Judging, rules: ItemRules) -> None:
    """Leave out all items but the first ones, and remember which."""
    used, bad, left_out = (table_of("items", what) for what in ("used", "bad", "left out"))
    judging.run(
        f"""create or replace table {left_out} as
            select n, item_id from {used} order by n offset {rules.max_items}"""
    )
    reason = f"item id {LEFT_OUT}items"
    judging.run(f"insert into {bad} select n, ?, ? from {left_out}", [rules.id, reason])
    judging.run(f"delete from {used} where n in (select n from {left_out})")


def _join(judging: Judging, kind: str) -> None:
    """Give items what a further table says about them; what they say themselves wins."""
    used, other = table_of("items", "used"), table_of(kind, "used")

    def merged(name: str) -> str:
        parts = f"coalesce(o.{name}, '{{}}'), coalesce(i.{name}, '{{}}')"
        none = f"o.{name} is null and i.{name} is null"
        return f"case when {none} then null else json_merge_patch({parts})::varchar end as {name}"

    judging.run(
        f"""create or replace table {used} as
            select i.* replace (coalesce(i.description, o.description) as description,
                {merged("content")}, {merged("attributes")})
            from {used} as i left join {other} as o using (item_id)"""
    )


def add_unknown_items(judging: Judging) -> None:
    """Add the items that events name and that no catalogue ever named, under their id."""
    judging.run(
        f"""insert into {table_of("items", "used")}
            (n, item_id, title, year, categories, description, content, attributes, image_path, active)
            select distinct on (item_id) -1, item_id, item_id, null, [], null, null, null, null, true
            from {table_of("interactions", "used")}
            where item_id not in (select item_id from {table_of("items", "used")})
                and item_id not in (select item_id from core.items where title <> item_id)"""
    )


def like_interactions(judging: Judging, column: str) -> tuple[int, int, float, float]:
    """How far a content column looks computed from interactions.

    Returns:
        Items with a value; those whose value is a number; the absolute rank correlation of these numbers with
        the items' event counts, and with their mean event values (0 where there are too few items to say).
    """
    filled, numeric, with_counts, with_means = judging.run(
        f"""with x as (
                select item_id, {content_value(column)} as text,
                    try_cast(text as double) as number
                from {table_of("items", "used")}),
            events as (
                select item_id, count(*) as n_events, avg(value) as mean
                from {table_of("interactions", "used")} group by item_id),
            ranked as (
                select rank() over (order by number) as place,
                    rank() over (order by coalesce(n_events, 0)) as busy
                from x left join events using (item_id) where number is not null),
            rated as (
                select rank() over (order by number) as place, rank() over (order by mean) as liked
                from x inner join events using (item_id) where number is not null)
            select (select count(text) from x), (select count(number) from x),
                (select case when count(*) >= {FEW_ITEMS} then corr(place, busy) end from ranked),
                (select case when count(*) >= {FEW_ITEMS} then corr(place, liked) end from rated)"""
    )[0]
    either = [
        abs(value) if value is not None and value == value else 0.0 for value in (with_counts, with_means)
    ]
    return filled, numeric, either[0], either[1]
