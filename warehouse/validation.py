"""Validation of staged rows: which are used, which are bad and why, which say again what another says.

Beside the view `staging.<kind>` stand afterwards `<kind>:used`, `<kind>:bad` and `<kind>:merged`. Rows are
known by `n`: the place of their source times 2^40, and their ordinal in it.
"""

from collections.abc import Mapping, Sequence

from warehouse.connection import Warehouse
from warehouse.expressions import MAX_KEPT, clean_text, content_of, id_fault, json_of, listed_text, trimmed
from warehouse.sql import name_of, text_of
from warehouse.staging import Staged

PER_SOURCE = 1 << 40
FORGOTTEN = "was forgotten on request"
# How the fault of a row begins that a setting for quick tries leaves out; the setting's name goes on.
LEFT_OUT = "left out by max_"
ONE_OF_MANY = "its id is on another row, which is used"

Faults = Sequence[tuple[str, str]]
"""Delivered column, and SQL of what is wrong with it in words: null when nothing is."""


def table_of(kind: str, what: str) -> str:
    """A table about a staged kind."""
    return f"staging.{name_of(f'{kind}:{what}')}"


def numbered(staged: Staged, alias: str = "s") -> str:
    """SQL of `n` for rows of the staged view."""
    if len(staged.sources) < 2:
        return f"{alias}.record"
    places = " ".join(f"when {text_of(source)} then {place}" for place, source in enumerate(staged.sources))
    return f"((case {alias}.source {places} end)::bigint * {PER_SOURCE} + {alias}.record)"


def first_fault(faults: Faults) -> str:
    """SQL of the columns `field` and `reason`: of the first fault of a row, or null."""
    fields = " ".join(f"when ({fault}) is not null then {text_of(column)}" for column, fault in faults)
    reasons = ", ".join(fault for _, fault in faults)
    return f"case {fields} end as field, coalesce({reasons}) as reason"


def delivered(column: str | None) -> str:
    """SQL of a delivered column; null where there is none."""
    return f"s.{name_of(column)}" if column else "null::varchar"


def validate(
    warehouse: Warehouse,
    staged: Staged,
    values: Mapping[str, str],
    faults: Faults,
    keys: Sequence[str],
    selected: str = "",
    keep: str = "first",
) -> None:
    """Make `<kind>:used`, `<kind>:bad` and `<kind>:merged` of few rows.

    `values` are SQL of the staged row `s` by name; `faults`, `keys` (what tells rows apart) and `selected`
    (the columns that are used, all when not given) are in terms of these. `keep` says which of several rows
    with the same keys is used: "first", "last", or the one of the "most_common" title.
    """
    kind = staged.kind
    all_rows, used, bad, merged = (table_of(kind, what) for what in ("all", "used", "bad", "merged"))
    key = ", ".join(keys)
    chosen = {"first": "min(n)", "last": "max(n)"}.get(keep, "first(n order by times desc, n)")
    of = "(select * from good)"
    if keep == "most_common":
        of = f"(select {key}, title, count(*) as times, min(n) as n from good group by {key}, title)"
    given = ", ".join(f"{sql} as {name}" for name, sql in values.items())
    warehouse.run(
        f"""create or replace table {all_rows} as
            select n, {selected or ", ".join(values)}, {first_fault(faults)}
            from (select {numbered(staged)} as n, {given} from staging.{name_of(kind)} as s)"""
    )
    warehouse.run(
        f"create or replace table {bad} as select n, field, reason from {all_rows} where reason is not null"
    )
    warehouse.run(
        f"""create or replace table {used} as
            with good as (select * from {all_rows} where reason is null),
            kept as (select {chosen} as n from {of} group by {key})
            select * exclude (field, reason) from good semi join kept using (n)"""
    )
    warehouse.run(
        f"""create or replace table {merged} as select n, {text_of(ONE_OF_MANY)} as reason
            from {all_rows} where reason is null and n not in (select n from {used})"""
    )
    warehouse.run(f"drop table {all_rows}")


def validate_users(warehouse: Warehouse, staged: Staged, identifier: str) -> None:
    """Profiles: user_id, age, gender and occupation where there are such columns, all others as JSON."""
    known = {column.lower(): column for column in staged.columns if column != identifier}
    own = {name: known.pop(name, None) for name in ("age", "gender", "occupation")}
    values = {name: clean_text(delivered(column)) for name, column in own.items()}
    values["age"] = f"try_cast({values['age']} as integer)"
    values |= {"user_id": trimmed(delivered(identifier)), "profile": json_of(known.values(), "s.")}
    validate(warehouse, staged, values, [(identifier, user_fault(warehouse))], ["user_id"])


def validate_also(
    warehouse: Warehouse, staged: Staged, identifier: str, description: str | None, content: Sequence[str]
) -> None:
    """A further table about items: item_id, description, content, attributes."""
    others = [column for column in staged.columns if column not in (identifier, description, *content)]
    values = {
        "item_id": trimmed(delivered(identifier)),
        "description": clean_text(listed_text(delivered(description))),
        "content": content_of(content, "s."),
        "attributes": json_of(others, "s."),
    }
    validate(warehouse, staged, values, [(identifier, named_fault("item_id"))], ["item_id"])


def validate_texts(warehouse: Warehouse, staged: Staged, columns: Mapping[str, str]) -> None:
    """Rows of texts that must all be there, such as triples; `columns` are name to delivered column."""
    values = {name: trimmed(delivered(column)) for name, column in columns.items()}
    faults = [(column, named_fault(name)) for name, column in columns.items()]
    validate(warehouse, staged, values, faults, list(columns))


def set_unmatched_aside(
    warehouse: Warehouse, kind: str, reason: str, field: str, key: str = "item_id", of: str = "items"
) -> None:
    """Set aside the used rows of a kind whose key no used row of another kind has."""
    used, bad, others = table_of(kind, "used"), table_of(kind, "bad"), table_of(of, "used")
    strangers = f"(select n from {used} where {key} not in (select {key} from {others}))"
    warehouse.run(f"insert into {bad} select n, ?, ? from {strangers}", [field, reason])
    warehouse.run(f"delete from {used} where n in {strangers}")


def named_fault(name: str) -> str:
    """What is wrong with an id or a text, as `item id is missing`; null when nothing is."""
    return f"{text_of(name.replace('_', ' ') + ' ')} || {id_fault(name)}"


def user_fault(warehouse: Warehouse) -> str:
    """What is wrong with `user_id`, being forgotten among it; null when nothing is."""
    return f"'user id ' || case {forgotten(warehouse, 'user_id')} else {id_fault('user_id')} end"


def forgotten(warehouse: Warehouse, identifier: str) -> str:
    """A branch of a case that gives the fault of users who were forgotten, by SQL of the user's id."""
    if not warehouse.value("select count(*) from ops.forgotten"):
        return "when false then ''"
    hashed = f"sha256((select any_value(salt) from ops.forgotten) || {identifier})"
    return f"when {hashed} in (select user_hash from ops.forgotten) then '{FORGOTTEN}'"


def content_of_rows(staged: Staged, kept: str) -> str:
    """SQL: kind, source, n, and the delivered row as JSON, of the rows listed in a table with `n`."""
    pairs = ", ".join(
        f"{text_of(column)}, left(s.{name_of(column)}, {MAX_KEPT})" for column in staged.columns
    )
    return f"""select {text_of(staged.kind)} as kind, s.source, k.*, json_object({pairs})::varchar as content
        from staging.{name_of(staged.as_delivered)} as s inner join {kept} as k on k.n = {numbered(staged)}"""
