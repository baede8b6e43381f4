"""Further tables joined to the event log while it is staged, such as orders that say who bought when."""

from warehouse.connection import Warehouse
from warehouse.expressions import trimmed
from warehouse.sql import name_of
from warehouse.staging import Staged
from warehouse.validation import delivered, named_fault, table_of, validate


def join_events(warehouse: Warehouse, events: Staged, further: Staged, key: str) -> None:
    """Give every event the columns of the row of a further table that has its value of `key`.

    Both are staged, and both have the column `key`. Columns that events have already stay theirs. The further
    table is validated: of several rows with one key the first is used. Events without a row lack its values.
    """
    known = {name.lower() for name in events.columns}
    new = [name for name in further.columns if name.lower() not in known]
    values = {"join_key": _plain(delivered(key))}
    values |= {f"joined{at}": delivered(name) for at, name in enumerate(new)}
    validate(warehouse, further, values, [(key, named_fault("join_key"))], ["join_key"])
    view, alone = f"staging.{name_of(events.kind)}", name_of(f"{events.kind}:before {further.kind}")
    warehouse.run(f"drop view if exists staging.{alone}")
    warehouse.run(f"alter view {view} rename to {alone}")
    columns = "".join(f", j.joined{at} as {name_of(name)}" for at, name in enumerate(new))
    warehouse.run(
        f"""create view {view} as select s.*{columns} from staging.{alone} as s
            left join {table_of(further.kind, "used")} as j on j.join_key = {_plain(delivered(key))}"""
    )
    events.columns += new


def _plain(column: str) -> str:
    """An id without white space around it, and without the fraction that a float gives a whole number."""
    return f"regexp_replace({trimmed(column)}, '^([+-]?\\d+)\\.0$', '\\1')"
