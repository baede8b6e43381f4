"""Staged rows judged: which are used, which are bad and why, which say again what another says.

Beside the view `staging.<kind>` stand afterwards `<kind>:used`, `<kind>:bad` and `<kind>:merged`. Rows are
known by `n`: the place of their source times 2^40, and their ordinal in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import duckdb
import polars as pl

from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.expressions import MAX_KEPT, clean_text, content_of, id_fault, json_of, listed_text, trimmed
from warehouse.sql import name_of, text_of

PER_SOURCE = 1 << 40
SAMPLE = 100_000
FORGOTTEN = "was forgotten on request"
LEFT_OUT = "left out by max_"
"""How the fault of a row begins that a setting for quick tries leaves out; the setting's name goes on."""
ONE_OF_MANY = "its id is on another row, which is used"


@dataclass(frozen=True)
class Rows:
    """A staged kind: its delivered columns, and its sources in order."""

    kind: str
    columns: Sequence[str]
    sources: Sequence[str]


def table_of(kind: str, what: str) -> str:
    """A table about a staged kind."""
    return f"staging.{name_of(f'{kind}:{what}')}"


def numbered(rows: Rows, alias: str = "s") -> str:
    """SQL of `n` for rows of the staged view."""
    if len(rows.sources) < 2:
        return f"{alias}.record"
    places = " ".join(f"when {text_of(source)} then {place}" for place, source in enumerate(rows.sources))
    return f"((case {alias}.source {places} end)::bigint * {PER_SOURCE} + {alias}.record)"


class Judging:
    """Judges staged rows, on a connection of its own; a context manager."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._connection = warehouse.second_connection()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def run(self, statement: str, parameters: Sequence[object] = ()) -> list[Any]:
        """All rows of a statement."""
        try:
            return self._connection.execute(statement, list(parameters)).fetchall()
        except duckdb.Error as error:
            raise WarehouseError(f"judging the delivered rows failed: {error}") from error

    def frame(self, statement: str) -> pl.DataFrame:
        """All rows of a statement, of which there may be very many."""
        try:
            found = pl.from_arrow(self._connection.sql(statement).to_arrow_table())
        except duckdb.Error as error:
            raise WarehouseError(f"judging the delivered rows failed: {error}") from error
        assert isinstance(found, pl.DataFrame)
        return found

    def hold(self, table: str, frame: pl.DataFrame) -> None:
        """Make a table of a frame, in the place of one of that name; outside a transaction."""
        self._connection.register("held rows", frame.to_arrow())
        self.run(f"create or replace table {table} as select * from {name_of('held rows')}")
        self._connection.unregister("held rows")

    def one(self, statement: str) -> Any:
        """The one value of a statement."""
        return self.run(statement)[0][0]

    def divide(self, kind: str, judged: str, keys: Sequence[str], keep: str = "first") -> None:
        """Make `<kind>:used`, `<kind>:bad` and `<kind>:merged` of few rows.

        Args:
            kind: The staged kind.
            judged: A select of n, further columns, `field` and `reason`; rows with a reason are bad.
            keys: Columns that tell rows apart.
            keep: Which of several rows with the same keys is used: "first", "last", or "most_common" title.
        """
        all_rows, used, bad, merged = (table_of(kind, what) for what in ("judged", "used", "bad", "merged"))
        key = ", ".join(name_of(column) for column in keys)
        chosen = {"first": "min(n)", "last": "max(n)"}.get(keep, "first(n order by times desc, n)")
        of = "(select * from good)"
        if keep == "most_common":
            of = f"(select {key}, title, count(*) as times, min(n) as n from good group by {key}, title)"
        self.run(f"create or replace table {all_rows} as {judged}")
        self.run(
            f"""create or replace table {bad} as
                select n, field, reason from {all_rows} where reason is not null"""
        )
        self.run(
            f"""create or replace table {used} as
                with good as (select * from {all_rows} where reason is null),
                kept as (select {chosen} as n from {of} group by {key})
                select * exclude (field, reason) from good semi join kept using (n)"""
        )
        self.run(
            f"""create or replace table {merged} as select n, {text_of(ONE_OF_MANY)} as reason
                from {all_rows} where reason is null and n not in (select n from {used})"""
        )
        self.run(f"drop table {all_rows}")

    def judge_users(self, rows: Rows, identifier: str) -> None:
        """Profiles: user_id, age, gender and occupation where there are such columns, all others as JSON."""
        known = {column.lower(): column for column in rows.columns if column != identifier}
        own = [known[name] for name in ("age", "gender", "occupation") if name in known]

        def text(name: str) -> str:
            return clean_text(f"s.{name_of(known[name])}") if name in known else "null::varchar"

        others = [column for column in known.values() if column not in own]
        fault = f"case {self.forgotten('user_id')} else {id_fault('user_id')} end"
        self.divide(
            rows.kind,
            f"""select n, user_id, age, gender, occupation, profile, {text_of(identifier)} as field,
                    'user id ' || {fault} as reason
                from (select {numbered(rows)} as n, {trimmed(f"s.{name_of(identifier)}")} as user_id,
                    try_cast({text("age")} as integer) as age, {text("gender")} as gender,
                    {text("occupation")} as occupation, {json_of(others, "s.")} as profile
                    from staging.{name_of(rows.kind)} as s)""",
            ["user_id"],
        )

    def judge_also(
        self, rows: Rows, identifier: str, description: str | None, content: Sequence[str]
    ) -> None:
        """A further table about items: item_id, description, content, attributes."""
        others = [c for c in rows.columns if c not in (identifier, description, *content)]
        self.divide(
            rows.kind,
            f"""select n, item_id, description, content, attributes, {text_of(identifier)} as field,
                    'item id ' || {id_fault("item_id")} as reason
                from (select {numbered(rows)} as n, {trimmed(f"s.{name_of(identifier)}")} as item_id,
                    {clean_text(listed_text(f"s.{name_of(description)}")) if description else "null::varchar"}
                        as description,
                    {content_of(content, "s.")} as content, {json_of(others, "s.")} as attributes
                    from staging.{name_of(rows.kind)} as s)""",
            ["item_id"],
        )

    def unmatched(self, kind: str, reason: str, field: str, key: str = "item_id", of: str = "items") -> None:
        """Set aside the used rows of a kind whose key no used row of another kind has."""
        used, bad, others = table_of(kind, "used"), table_of(kind, "bad"), table_of(of, "used")
        strangers = f"(select n from {used} where {key} not in (select {key} from {others}))"
        self.run(f"insert into {bad} select n, ?, ? from {strangers}", [field, reason])
        self.run(f"delete from {used} where n in {strangers}")

    def judge_texts(self, rows: Rows, columns: dict[str, str]) -> None:
        """Rows of texts that must all be there, such as triples.

        Args:
            rows: The staged rows.
            columns: Name in the warehouse to delivered column.
        """
        faults = [(name, column, id_fault(name)) for name, column in columns.items()]
        field = " ".join(f"when ({fault}) is not null then {text_of(column)}" for _, column, fault in faults)
        reason = ", ".join(f"{text_of(name + ' ')} || {fault}" for name, _, fault in faults)
        values = ", ".join(f"{trimmed(f's.{name_of(column)}')} as {name}" for name, column in columns.items())
        self.divide(
            rows.kind,
            f"""select n, {", ".join(columns)}, case {field} end as field, coalesce({reason}) as reason
                from (select {numbered(rows)} as n, {values} from staging.{name_of(rows.kind)} as s)""",
            list(columns),
        )

    def forgotten(self, identifier: str) -> str:
        """A branch of a case that gives the fault of users who were forgotten.

        Args:
            identifier: SQL of the user's id.
        """
        if not self.one("select count(*) from ops.forgotten"):
            return "when false then ''"
        hashed = f"sha256((select any_value(salt) from ops.forgotten) || {identifier})"
        return f"when {hashed} in (select user_hash from ops.forgotten) then '{FORGOTTEN}'"

    def unit_of(self, kind: str, column: str) -> str | None:
        """The unit of a column of times: a key of expressions.UNITS, or None for dates as text."""
        text = f"nullif(trim({name_of(column)}), '')"
        dates, numbers, middle = self.run(
            f"""select count(try_cast(text as timestamptz)), count(try_cast(text as double)),
                    median(abs(try_cast(text as double)))
                from (select {text} as text from staging.{name_of(kind)} limit {SAMPLE})"""
        )[0]
        if dates > numbers or not numbers:
            return None
        limits = ((1e11, "seconds"), (1e14, "milliseconds"), (1e17, "microseconds"))
        return next((unit for limit, unit in limits if middle < limit), "nanoseconds")

    def has_timezone(self, name: str) -> bool:
        """Whether a time zone is known by this name."""
        known = self.run("select 1 from pg_timezone_names() where lower(name) = lower(?)", [name])
        return name.upper() == "UTC" or bool(known)

    def content_of_rows(self, rows: Rows, kept: str) -> str:
        """SQL: kind, source, n, and the delivered row as JSON, of the rows listed in a table with `n`."""
        pairs = ", ".join(
            f"{text_of(column)}, left(s.{name_of(column)}, {MAX_KEPT})" for column in rows.columns
        )
        return f"""select {text_of(rows.kind)} as kind, s.source, k.*,
                json_object({pairs})::varchar as content
            from staging.{name_of(rows.kind)} as s inner join {kept} as k on k.n = {numbered(rows)}"""
