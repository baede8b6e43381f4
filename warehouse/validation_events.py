"""Validation of the event log in few passes.

What is rare (odd ids, unknown items, repetitions) is looked for first, among distinct ids and hashes, and
only the rows concerned are looked at closely.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from warehouse.connection import Warehouse
from warehouse.expressions import blank, id_fault, trimmed
from warehouse.numbers import Mark, NumberForms, look_at_numbers, number_fault, number_of
from warehouse.sql import name_of, text_of
from warehouse.staging import Staged
from warehouse.times import (
    DateOrder,
    TimeForms,
    TimeRules,
    begin_of,
    in_window,
    look_at_times,
    plain_time_of,
    time_fault,
    time_of,
)
from warehouse.validation import (
    LEFT_OUT,
    delivered,
    first_fault,
    forgotten,
    numbered,
    table_of,
    user_fault,
    validate,
)

SEEN_ONLY = "seen only"
"""The validated rows that make an item seen and show no interest; those of interest are in `used`."""
BELOW_MIN_VALUE, AMOUNT_BELOW = "below min_value", "amount below min_value"
WEIGHT_0, NO_WEIGHT = "weight 0", "no weight"
"""Why a row shows no interest: its rating, its amount, or its type (given 0, or not named)."""
SAME_EVENT = "another row has its user, item and time, and a heavier value or a later place"


@dataclass(frozen=True)
class EventRules:
    """Which delivered column means what, and what an event counts; fields are those of the settings."""

    user: str
    item: str
    time: str | None
    timezone: str
    earliest: date  # plausible, as `latest`
    date_order: Literal["auto"] | DateOrder
    latest: int  # seconds since 1970 UTC
    section: str  # of the settings
    value: str | None = None
    decimal: Literal["auto"] | Mark = "auto"
    value_is: str = "rating"
    event: str | None = None
    event_weights: Mapping[str, float] = field(default_factory=dict)
    min_value: float | None = None
    max_items: int | None = None
    max_users: int | None = None
    add_unknown_items: bool = False


@dataclass(frozen=True)
class EventForms:
    """What the columns of events hold; None where there is no such column."""

    times: TimeForms | None
    numbers: NumberForms | None


def look_at_events(warehouse: Warehouse, staged: Staged, rules: EventRules) -> EventForms:
    """Look at all values of the columns of times and of values."""
    relation = f"staging.{name_of(staged.kind)}"
    order = None if rules.date_order == "auto" else rules.date_order
    window = TimeRules(begin_of(rules.earliest), rules.latest, rules.timezone, order)
    mark = None if rules.decimal == "auto" else rules.decimal
    run = warehouse.run
    return EventForms(
        look_at_times(run, relation, name_of(rules.time), window) if rules.time else None,
        look_at_numbers(run, relation, name_of(rules.value), mark) if rules.value else None,
    )


def validate_interactions(warehouse: Warehouse, staged: Staged, rules: EventRules) -> EventForms:
    """Validate events; returns what their columns of times and of values hold."""
    forms = look_at_events(warehouse, staged, rules)
    known = f"select item_id from {table_of('items', 'used')} union select item_id from core.items"
    unknown = f"when id not in ({known}) then 'is not in the catalogue'"
    if rules.max_items is not None:
        left_out = f"select item_id from {table_of('items', 'left out')}"
        unknown = f"when id in ({left_out}) then '{LEFT_OUT}items' {unknown}"
    odd = {"item": _odd_ids(warehouse, staged, rules.item, "" if rules.add_unknown_items else unknown)}
    users, few = forgotten(warehouse, "id"), None
    if rules.max_users is not None:
        users += f" when place > {rules.max_users} then '{LEFT_OUT}users'"
        few = _in_order(staged, rules, odd["item"])
    odd["user"] = _odd_ids(warehouse, staged, rules.user, users, few)
    if rules.event:
        odd["event"] = _odd_ids(warehouse, staged, rules.event)
    if rules.time and forms.times and forms.times.few_others:
        plain, read = (of("raw", forms.times) for of in (plain_time_of, time_of))
        odd["time"] = _read_once(warehouse, staged, rules.time, f"{plain} is null", read)
    if rules.value and forms.numbers and forms.numbers.other:
        odd["value"] = _read_once(warehouse, staged, rules.value, "true", number_of("raw", forms.numbers))
    typed, usable, interest = _typed(staged, rules, forms, odd), _usable(rules, forms, odd), _interest(rules)
    used, seen, bad, merged = (table_of(staged.kind, what) for what in ("used", SEEN_ONLY, "bad", "merged"))
    low = "number <= 0" if rules.value and rules.min_value is None else "false"
    warehouse.run(
        f"""create or replace table {used} as
            select n, user_id, item_id, {_weighed(rules)} as value, event_time, event_type, {low} as low
            from {typed} where {usable} and {interest}"""
    )
    number = "number" if rules.value else "null::double"
    warehouse.run(
        f"""create or replace table {seen} as
            select n, user_id, item_id, {number} as value, event_time, event_type,
                {_no_interest(rules)} as reason
            from {typed} where {"false" if interest == "true" else f"{usable} and not {interest}"}"""
    )
    warehouse.run(f"create or replace table {bad} (n bigint, field varchar, reason varchar)")
    n_rows = warehouse.value(f"select count(*) from staging.{name_of(staged.kind)}")
    if n_rows > sum(warehouse.value(f"select count(*) from {table}") for table in (used, seen)):
        reasons = first_fault(_faults(rules, forms, odd))
        warehouse.run(f"insert into {bad} select n, {reasons} from {typed} where not {usable}")
    warehouse.run(f"create or replace table {merged} (n bigint, reason varchar)")
    if rules.time:
        _merge_repeated(warehouse, staged.kind)
    return forms


def validate_searches(warehouse: Warehouse, staged: Staged, rules: EventRules) -> EventForms:
    """Validate searches, of which `item` is the column of what was typed; returns what the times hold."""
    forms = look_at_events(warehouse, staged, rules)
    assert rules.time
    assert forms.times
    values = {
        "user_id": trimmed(delivered(rules.user)),
        "query": f"nullif({trimmed(delivered(rules.item))}, '')",
        "event_time": time_of(delivered(rules.time), forms.times),
        "delivered_time": delivered(rules.time),
    }
    faults = [
        (rules.user, user_fault(warehouse)),
        (rules.item, "case when query is null then 'query is missing' end"),
        (rules.time, f"'time ' || {time_fault('delivered_time', 'event_time', forms.times, rules.section)}"),
    ]
    validate(warehouse, staged, values, faults, ["user_id", "query", "event_time"])
    return forms


def _in_order(staged: Staged, rules: EventRules, odd_items: str | None) -> str:
    """A select of the users as delivered (raw), by their first event with an item that is kept (place)."""
    user, item = delivered(rules.user), delivered(rules.item)
    join = f"left join {odd_items} as item on item.raw is not distinct from {item}" if odd_items else ""
    kept = f"({id_fault(trimmed(user))}) is null" + (" and item.fault is null" if odd_items else "")
    return f"""select raw, case when first is not null then dense_rank() over (order by first) end as place
        from (select {user} as raw,
                min(min({numbered(staged)}) filter ({kept})) over (partition by {trimmed(user)}) as first
            from staging.{name_of(staged.kind)} as s {join} group by {user})"""


def _odd_ids(
    warehouse: Warehouse, staged: Staged, column: str, further: str = "", distinct: str | None = None
) -> str | None:
    """A table of the ids that cannot be taken as delivered: raw, id, fault; None when there are none.

    `further` are branches of a case over `id` and `place` that give further faults; `distinct` selects the
    distinct ids as delivered (raw) and their place, where that matters.
    """
    table, name = table_of(staged.kind, f"odd {column}"), name_of(column)
    distinct = distinct or f"select distinct {name} as raw, 0 as place from staging.{name_of(staged.kind)}"
    warehouse.run(
        f"""create or replace table {table} as
            select raw, id, coalesce({id_fault("id")}, case {further or "when false then ''"} end) as fault
            from (select raw, {trimmed("raw")} as id, place from ({distinct}))
            where id is distinct from raw or fault is not null"""
    )
    return table if warehouse.value(f"select count(*) from {table}") else None


def _read_once(warehouse: Warehouse, staged: Staged, column: str, which: str, read: str) -> str:
    """A table of distinct texts of a column: raw, and what is read of it; `which` and `read` are of raw."""
    table = table_of(staged.kind, f"read {column}")
    warehouse.run(
        f"""create or replace table {table} as select raw, {read} as read
            from (select distinct {name_of(column)} as raw from staging.{name_of(staged.kind)})
            where raw is not null and {which}"""
    )
    return table


def _typed(staged: Staged, rules: EventRules, forms: EventForms, odd: Mapping[str, str | None]) -> str:
    """The staged rows with their typed values beside the delivered ones."""
    columns, joins = [f"{numbered(staged)} as n"], []
    for name, typed, column in (
        ("user", "user_id", rules.user),
        ("item", "item_id", rules.item),
        ("event", "event_type", rules.event),
    ):
        raw, table = delivered(column), odd.get(name)
        if table:
            joins.append(f"left join {table} as {name} on {name}.raw is not distinct from {raw}")
            columns += [f"coalesce({name}.id, {raw}) as {typed}", f"{name}.fault as {name}_fault"]
        else:
            columns.append(f"{raw} as {typed}")
    if forms.times:
        time = delivered(rules.time)
        read = time_of(time, forms.times)
        if table := odd.get("time"):
            joins.append(f"left join {table} as time on time.raw = {time}")
            read = f"coalesce({plain_time_of(time, forms.times)}, time.read)"
        columns += [f"{read} as event_time", f"{time} as delivered_time"]
    else:
        columns.append(f"{_place(staged)} as event_time")
    if forms.numbers:
        value = delivered(rules.value)
        read = number_of(value, forms.numbers)
        if table := odd.get("value"):
            joins.append(f"left join {table} as value on value.raw = {value}")
            read = "value.read"
        columns += [f"{read} as number", f"{value} as delivered_value"]
    return f"(select {', '.join(columns)} from staging.{name_of(staged.kind)} as s {' '.join(joins)})"


def _place(staged: Staged) -> str:
    """The ordinal of a row over all sources, in their order."""
    counts = f"(select count(*) from staging.{name_of(staged.kind)} where source = {{}})"
    before, branches = "0", []
    for source in staged.sources:
        branches.append(f"when {text_of(source)} then {before}")
        before += " + " + counts.format(text_of(source))
    return f"(s.record + case s.source {' '.join(branches)} end)" if len(branches) > 1 else "s.record"


def _weight(rules: EventRules) -> str | None:
    """SQL of what an event's type counts, null where it counts nothing; None when all count alike."""
    if not (rules.event and rules.event_weights):
        return None
    listed = [(name, weight) for name, weight in rules.event_weights.items() if weight > 0]
    branches = " ".join(f"when {text_of(name)} then {weight!r}::double" for name, weight in listed)
    return f"(case event_type {branches} end)" if branches else "null::double"


def _weighed(rules: EventRules) -> str:
    weight = _weight(rules) or "1.0::double"
    return f"number * {weight}" if rules.value and rules.value_is == "rating" else weight


def _usable(rules: EventRules, forms: EventForms, odd: Mapping[str, str | None]) -> str:
    """Whether a typed row makes an item seen: never null. One whose type counts nothing needs no value."""
    tests = [f"{name}_fault is null" for name in ("user", "item") if odd[name]]
    weight = _weight(rules)
    # Cases, since these leave alone the rows that need not be looked at.
    if weight:
        tests.append(f"case when {weight} is null then not {blank('event_type')} else true end")
    if rules.value:
        without = f"{weight} is null and {blank('delivered_value')}" if weight else "false"
        tests.append(f"case when isfinite(number) then true else {without} end")
    if forms.times:
        tests.append(in_window("event_time", forms.times))
    return f"coalesce({' and '.join(tests) or 'true'}, false)"


def _interest(rules: EventRules) -> str:
    """Whether a usable row shows interest: never null."""
    tests = [f"{weight} is not null"] if (weight := _weight(rules)) else []
    if rules.value and rules.min_value is not None:
        tests.append(f"coalesce(number >= {rules.min_value!r}::double, false)")
    return f"({' and '.join(tests)})" if tests else "true"


def _no_interest(rules: EventRules) -> str:
    """Why a usable row shows no interest, as core.seen_only has it."""
    weight, low = _weight(rules), text_of(AMOUNT_BELOW if rules.value_is == "amount" else BELOW_MIN_VALUE)
    if not weight:
        return low
    zero = ", ".join(text_of(name) for name, of_type in rules.event_weights.items() if not of_type)
    named = f"event_type in ({zero})" if zero else "false"
    return f"""case when {weight} is not null then {low}
        when {named} then {text_of(WEIGHT_0)} else {text_of(NO_WEIGHT)} end"""


def _faults(rules: EventRules, forms: EventForms, odd: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """What may be wrong with a typed row: delivered column, and SQL of the reason."""
    faults = [
        (column, f"'{name} id ' || {name}_fault")
        for name, column in (("user", rules.user), ("item", rules.item))
        if odd[name]
    ]
    if rules.event and _weight(rules):
        faults.append((rules.event, f"case when {blank('event_type')} then 'event type is missing' end"))
    if rules.value and forms.numbers:
        why = number_fault("delivered_value", "number", forms.numbers, rules.section)
        faults.append((rules.value, f"'value ' || {why}"))
    if rules.time and forms.times:
        why = time_fault("delivered_time", "event_time", forms.times, rules.section)
        faults.append((rules.time, f"'time ' || {why}"))
    return faults


def _merge_repeated(warehouse: Warehouse, kind: str) -> None:
    """Leave one of several events of a user, item and time, of interest if any is; the others are merged."""
    keys, merged = "user_id, item_id, event_time", table_of(kind, "merged")
    used, seen = table_of(kind, "used"), table_of(kind, SEEN_ONLY)
    if warehouse.value(f"select count(*) from {seen}"):
        again = f"select n, ? from {seen} semi join {used} using ({keys})"
        warehouse.run(f"insert into {merged} {again}", [SAME_EVENT])
        warehouse.run(f"delete from {seen} where n in (select n from {merged})")
        _leave_one(warehouse, kind, seen, keys)
    _leave_one(warehouse, kind, used, keys)


def _leave_one(warehouse: Warehouse, kind: str, used: str, keys: str) -> None:
    """Leave one of several rows with the same keys in a table."""
    merged, repeated = table_of(kind, "merged"), table_of(kind, "repeated")
    warehouse.run(
        f"""create or replace table {repeated} as
            select h from (select hash({keys}) as h from {used}) group by h having count(*) > 1"""
    )
    if warehouse.value(f"select count(*) from {repeated}"):
        warehouse.run(
            f"""insert into {merged} select n, ? from (
                    select n, row_number()
                        over (partition by {keys} order by value desc nulls last, n desc) as place
                    from {used} semi join {repeated} on h = hash({keys}))
                where place > 1""",
            [SAME_EVENT],
        )
        warehouse.run(f"delete from {used} where n in (select n from {merged})")
    warehouse.run(f"drop table {repeated}")
