"""Built-in data sets, and what `init` inferred from files, for the terminal."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from flows.cli.tables.table import Table, text, word

if TYPE_CHECKING:
    from tasks.ingest.draft import Told


def sets_table(rows: Iterable[Mapping[str, str]]) -> Table:
    """Every built-in set, and whether it is here."""
    columns = [word("name"), word("state"), text("what", least=23), text("publisher", least=12)]
    shown = [(row["name"], row["state"], row["about"], row["publisher"]) for row in rows]
    return Table("Built-in data sets", columns, shown)


def inferred_table(told: Iterable["Told"]) -> Table:
    """The keys of a new configuration, each with its reason."""
    columns = [word("setting"), text("value", least=10), text("why", least=16)]
    return Table("Inferred", columns, [(f"{one.table}.{one.key}", one.value, one.why) for one in told])
