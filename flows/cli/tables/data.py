"""Built-in data sets, and what `init` inferred from files, for the terminal."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from flows.cli.tables.table import Table, figure, text, word

if TYPE_CHECKING:
    from tasks.ingest.drafting.writing import Question, Told


def sets_table(rows: Iterable[Mapping[str, str]]) -> Table:
    """Every built-in set, and whether it is here."""
    columns = [word("name"), word("state"), text("what", least=23), text("publisher", least=12)]
    shown = [(row["name"], row["state"], row["about"], row["publisher"]) for row in rows]
    return Table("Built-in data sets", columns, shown)


def inferred_table(told: Iterable["Told"]) -> Table:
    """The keys of a new configuration, each with its reason and how sure it is."""
    columns = [word("setting"), text("value", least=10), figure("sure"), text("why", least=16)]
    rows = [(f"{one.table}.{one.key}", one.value, one.sure, one.why) for one in told]
    return Table("Inferred", columns, rows)


def rows_table(question: "Question") -> Table:
    """The first rows of a table, the columns in question first."""
    names = question.columns[: len(question.rows[0])] if question.rows else ()
    return Table("", [text(name, least=8, most=40) for name in names], question.rows)
