"""The event log judged in few passes.

What is rare (odd ids, unknown items, repetitions) is looked for first, among distinct ids and hashes, and
only the rows concerned are looked at closely.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from warehouse.expressions import blank, id_fault, number_fault, time_fault, time_of, trimmed
from warehouse.sql import name_of, text_of
from warehouse.validation import LEFT_OUT, Judging, Rows, numbered, table_of

SAME_EVENT = "another row has its user, item and time, and a heavier value or a later place"


@dataclass(frozen=True)
class EventRules:
    """Which delivered column means what, and what an event counts."""

    user: str
    item: str
    time: str | None
    timezone: str
    value: str | None
    counts_one: bool
    """Whether a value only decides, through min_value, whether an event counts."""
    event: str | None
    latest: int
    """The latest possible time: seconds since 1970 UTC."""
    add_unknown_items: bool = False
    min_value: float | None = None
    max_items: int | None = None
    max_users: int | None = None
    weights: Mapping[str, float] = field(default_factory=dict)


def judge_interactions(judging: Judging, rows: Rows, rules: EventRules) -> str | None:
    """Judge events; returns the unit their times were read in, None for dates and where there is no time."""
    unit = judging.unit_of(rows.kind, rules.time) if rules.time else None
    known = f"select item_id from {table_of('items', 'used')} union select item_id from core.items"
    unknown = f"when id not in ({known}) then 'is not in the catalogue'"
    if rules.max_items is not None:
        left_out = f"select item_id from {table_of('items', 'left out')}"
        unknown = f"when id in ({left_out}) then '{LEFT_OUT}items' {unknown}"
    odd = {"item": _odd_ids(judging, rows, rules.item, "" if rules.add_unknown_items else unknown)}
    users, few = judging.forgotten("id"), None
    if rules.max_users is not None:
        users += f" when place > {rules.max_users} then '{LEFT_OUT}users'"
        few = _in_order(rows, rules, odd["item"])
    odd["user"] = _odd_ids(judging, rows, rules.user, users, few)
    if rules.event:
        odd["event"] = _odd_ids(judging, rows, rules.event)
    typed = _typed(rows, rules, unit, odd)
    good = _good(rules, odd)
    used, bad, merged = (table_of(rows.kind, what) for what in ("used", "bad", "merged"))
    judging.run(
        f"""create or replace table {used} as
            select n, user_id, item_id, {_weighed(rules)} as value, event_time, event_type
            from {typed} where {good}"""
    )
    judging.run(f"create or replace table {bad} (n bigint, field varchar, reason varchar)")
    n_rows = judging.one(f"select count(*) from staging.{name_of(rows.kind)}")
    if n_rows > judging.one(f"select count(*) from {used}"):
        judging.run(f"insert into {bad} {_reasons(rules, unit, odd, typed)} where not {good}")
    judging.run(f"create or replace table {merged} (n bigint, reason varchar)")
    if rules.time:
        _merge_repeated(
            judging, rows.kind, ("user_id", "item_id", "event_time"), "value desc, n desc", SAME_EVENT
        )
    return unit


def judge_searches(judging: Judging, rows: Rows, rules: EventRules) -> str | None:
    """Judge searches, of which `item` is the column of what was typed; returns the unit of their times."""
    assert rules.time
    unit = judging.unit_of(rows.kind, rules.time)
    query, time = f"s.{name_of(rules.item)}", f"s.{name_of(rules.time)}"
    user = trimmed(f"s.{name_of(rules.user)}")
    user_fault = f"case {judging.forgotten('user_id')} else {id_fault('user_id')} end"
    faults = (
        (rules.user, f"'user id ' || {user_fault}"),
        (rules.item, "case when query is null then 'query is missing' end"),
        (rules.time, f"'time ' || {time_fault('delivered', 'event_time', unit, rules.latest)}"),
    )
    fields = " ".join(f"when ({fault}) is not null then {text_of(column)}" for column, fault in faults)
    judging.divide(
        rows.kind,
        f"""select n, user_id, query, event_time, case {fields} end as field,
                coalesce({", ".join(fault for _, fault in faults)}) as reason
            from (select {numbered(rows)} as n, {user} as user_id, nullif({trimmed(query)}, '') as query,
                {time_of(time, unit, rules.timezone)} as event_time, {time} as delivered
                from staging.{name_of(rows.kind)} as s)""",
        ["user_id", "query", "event_time"],
    )
    return unit


def _in_order(rows: Rows, rules: EventRules, odd_items: str | None) -> str:
    """A select of the users as delivered (raw), by their first event with an item that is kept (place)."""
    user, item = f"s.{name_of(rules.user)}", f"s.{name_of(rules.item)}"
    join = f"left join {odd_items} as item on item.raw is not distinct from {item}" if odd_items else ""
    kept = f"({id_fault(trimmed(user))}) is null" + (" and item.fault is null" if odd_items else "")
    return f"""select raw, case when first is not null then dense_rank() over (order by first) end as place
        from (select {user} as raw,
                min(min({numbered(rows)}) filter ({kept})) over (partition by {trimmed(user)}) as first
            from staging.{name_of(rows.kind)} as s {join} group by {user})"""


def _odd_ids(
    judging: Judging, rows: Rows, column: str, further: str = "", distinct: str | None = None
) -> str | None:
    """A table of the ids that cannot be taken as delivered: raw, id, fault; None when there are none.

    Args:
        judging: Runs the statements.
        rows: The staged rows.
        column: The delivered column of ids.
        further: Branches of a case over `id` and `place` that give further faults.
        distinct: A select of the distinct ids as delivered (raw) and their place, where that matters.
    """
    table, name = table_of(rows.kind, f"odd {column}"), name_of(column)
    distinct = distinct or f"select distinct {name} as raw, 0 as place from staging.{name_of(rows.kind)}"
    judging.run(
        f"""create or replace table {table} as
            select raw, id, coalesce({id_fault("id")}, case {further or "when false then ''"} end) as fault
            from (select raw, {trimmed("raw")} as id, place from ({distinct}))
            where id is distinct from raw or fault is not null"""
    )
    return table if judging.one(f"select count(*) from {table}") else None


def _typed(rows: Rows, rules: EventRules, unit: str | None, odd: Mapping[str, str | None]) -> str:
    """The staged rows with their typed values beside the delivered ones."""
    columns, joins = [f"{numbered(rows)} as n"], []
    for name, typed, column in (
        ("user", "user_id", rules.user),
        ("item", "item_id", rules.item),
        ("event", "event_type", rules.event),
    ):
        raw, table = f"s.{name_of(column)}" if column else "null::varchar", odd.get(name)
        if table:
            joins.append(f"left join {table} as {name} on {name}.raw is not distinct from {raw}")
            columns += [f"coalesce({name}.id, {raw}) as {typed}", f"{name}.fault as {name}_fault"]
        else:
            columns.append(f"{raw} as {typed}")
    if rules.time:
        time = f"s.{name_of(rules.time)}"
        columns += [f"{time_of(time, unit, rules.timezone)} as event_time", f"{time} as delivered_time"]
    else:
        columns.append(f"{_place(rows)} as event_time")
    if rules.value:
        value = f"s.{name_of(rules.value)}"
        columns += [f"try_cast({value} as double) as number", f"{value} as delivered_value"]
    return f"(select {', '.join(columns)} from staging.{name_of(rows.kind)} as s {' '.join(joins)})"


def _place(rows: Rows) -> str:
    """The ordinal of a row over all sources, in their order."""
    counts = f"(select count(*) from staging.{name_of(rows.kind)} where source = {{}})"
    before, branches = "0", []
    for source in rows.sources:
        branches.append(f"when {text_of(source)} then {before}")
        before += " + " + counts.format(text_of(source))
    return f"(s.record + case s.source {' '.join(branches)} end)" if len(branches) > 1 else "s.record"


def _weight(rules: EventRules) -> str | None:
    """SQL of what an event's type counts, null where it counts nothing; None when all count alike."""
    if not (rules.event and rules.weights):
        return None
    listed = [(name, weight) for name, weight in rules.weights.items() if weight > 0]
    branches = " ".join(f"when {text_of(name)} then {weight!r}::double" for name, weight in listed)
    return f"(case event_type {branches} end)" if branches else "null::double"


def _weighed(rules: EventRules) -> str:
    weight = _weight(rules) or "1.0::double"
    return f"number * {weight}" if rules.value and not rules.counts_one else weight


def _good(rules: EventRules, odd: Mapping[str, str | None]) -> str:
    """Whether a typed row can be used: never null."""
    tests = [f"{name}_fault is null" for name in ("user", "item") if odd[name]]
    if weight := _weight(rules):
        tests.append(f"{weight} is not null")
    if rules.value:
        tests.append("isfinite(number)")
        if rules.min_value is not None:
            tests.append(f"number >= {rules.min_value!r}::double")
    if rules.time:
        tests.append(f"event_time between 0 and {rules.latest}")
    return f"coalesce({' and '.join(tests) or 'true'}, false)"


def _reasons(rules: EventRules, unit: str | None, odd: Mapping[str, str | None], typed: str) -> str:
    """A select of n, field and the first reason of rows that cannot be used."""
    faults = [
        (column, f"'{name} id ' || {name}_fault")
        for name, column in (("user", rules.user), ("item", rules.item))
        if odd[name]
    ]
    if rules.event and (weight := _weight(rules)):
        no_weight = "'event type ''' || left(event_type, 100) || ''' has no weight'"
        missing = f"case when {blank('event_type')} then 'event type is missing' else {no_weight} end"
        faults.append((rules.event, f"case when {weight} is null then {missing} end"))
    if rules.value:
        faults.append((rules.value, f"'value ' || {number_fault('delivered_value', 'number')}"))
        if rules.min_value is not None:
            low = text_of(f"value is below min_value = {rules.min_value:g}")
            faults.append((rules.value, f"case when number < {rules.min_value!r}::double then {low} end"))
    if rules.time:
        late = time_fault("delivered_time", "event_time", unit, rules.latest)
        faults.append((rules.time, f"'time ' || {late}"))
    fields = " ".join(f"when ({fault}) is not null then {text_of(column)}" for column, fault in faults)
    reasons = ", ".join(fault for _, fault in faults)
    return (
        f"select n, case {fields} end as field, coalesce({reasons}) as reason from {typed}" if faults else ""
    )


def _merge_repeated(judging: Judging, kind: str, keys: tuple[str, ...], order: str, reason: str) -> None:
    """Leave one of several rows with the same keys: the first in `order`; the others are merged into it."""
    used, merged, repeated = (table_of(kind, what) for what in ("used", "merged", "repeated"))
    listed = ", ".join(keys)
    judging.run(
        f"""create or replace table {repeated} as
            select h from (select hash({listed}) as h from {used}) group by h having count(*) > 1"""
    )
    if judging.one(f"select count(*) from {repeated}"):
        judging.run(
            f"""insert into {merged} select n, ? from (
                    select n, row_number() over (partition by {listed} order by {order}) as place
                    from {used} semi join {repeated} on h = hash({listed}))
                where place > 1""",
            [reason],
        )
        judging.run(f"delete from {used} where n in (select n from {merged})")
    judging.run(f"drop table {repeated}")
