"""A delivery looked at without loading it: what it holds, what is wrong, whether a run could use it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.ingest.advice import advised
from tasks.ingest.content import computed_columns
from tasks.ingest.findings import SHOWN, Example, Findings, Problem, quarantine_problems
from tasks.ingest.seen_only import low_interest, told, unnamed_types
from tasks.ingest.sources import MEMORY, stage_tables
from tasks.ingest.validation import Validated, none_used, refusals, set_aside, validate
from tasks.settings import Settings, load_settings
from warehouse import checking
from warehouse.connection import Warehouse, writing
from warehouse.errors import SettingsError, SourceError, WarehouseError

STOPS = {SettingsError: "settings", SourceError: "source", WarehouseError: "warehouse", OSError: "system"}
"""What ends a check before all is read, and the kind of problem that it is."""
MAX_REASONS = 200


def check(config: Path | None, say: Callable[[str], object]) -> Findings:
    """Read and validate all that a run by this TOML file would ingest, in a warehouse that is thrown away.

    `say` is called with what is done next.
    """
    try:
        settings = load_settings(config)
        with TemporaryDirectory(prefix="polyrec-check-") as folder:
            return _check(settings, Path(folder), say)
    except tuple(STOPS) as error:
        kind = next(name for stop, name in STOPS.items() if isinstance(error, stop))
        why = str(error)
        if isinstance(error, OSError):
            why += "; let this user read and write there, or set TMPDIR to a folder with room"
        return Findings([Problem(kind, why, 1, fatal=True)])


def _check(settings: Settings, folder: Path, say: Callable[[str], object]) -> Findings:
    scratch = settings.model_copy(update={"home": folder})
    # Built-in sets lie in the home; one that does not exist has none, and is not made.
    home = settings if settings.data_folder.exists() else scratch
    with writing(scratch.data_folder, "polyrec check") as warehouse, warehouse.memory_limit(MEMORY):
        checking.copy_known(warehouse, settings.data_folder, settings.lock_timeout_s)
        say("reading")
        data, staged = stage_tables(warehouse, home)
        rows = sum(sum(table.rows_in.values()) for table in staged.values())
        say(f"validating {rows:,} rows")
        found = validate(warehouse, data, staged)
        with warehouse.transaction():
            counts = set_aside(warehouse, found)
        say("counting")
        figures = checking.figures(warehouse)
        problems = quarantine_problems(warehouse.query("quarantine_reasons"), MAX_REASONS)
        seen_only, events = warehouse.query("staged/seen_only"), data.interactions
        problems += unnamed_types(seen_only, found, events.event)
        problems = advised(problems, data)
        problems += low_interest(warehouse, found, events)
        problems += _computed(warehouse, found)
        problems += _unread(found)
        problems += none_used(counts, {"items": figures.items, "interactions": figures.interactions})
        if figures.bare:
            problems.append(_bare(found, figures))
        if figures.items:
            missing = Example(None, None, "item_id", figures.missing_item)
            refused = refusals(warehouse, settings.data, settings.data.force)
            problems += (replace(refusal, example=missing) for refusal in refused)
        return Findings(
            problems,
            figures,
            counts.to_dicts(),
            order_is_time=found.order_is_time,
            numbers_are=found.numbers_are,
            readings=tuple(found.readings),
            seen_only=told(seen_only, events.min_value),
        )


def _computed(warehouse: Warehouse, found: Validated) -> Iterator[Problem]:
    """Columns declared as content that a run would refuse."""
    for column, why in computed_columns(warehouse, found.content):
        kind = found.content[column]
        n, value = checking.first_content(warehouse, kind, column)
        example = Example(*found.place(kind, n), column, value[:SHOWN])
        yield Problem("settings", why, 1, example, fatal=True)


def _unread(found: Validated) -> Iterator[Problem]:
    """Columns of objects whose names cannot be told."""
    for one in found.unread:
        place = found.place(one.kind, one.found.first) if one.found.first is not None else (None, None)
        example = Example(*place, one.column, one.found.value and one.found.value[:SHOWN])
        why = (
            f"{one.column} holds objects whose names cannot be told, so these items have no categories: "
            "write a list of names, or objects with a key name, title, label or value"
        )
        yield Problem(one.kind, why, one.found.unread, example)


def _bare(found: Validated, figures: checking.Figures) -> Problem:
    """Items of which nothing can be said, since there is nothing to read."""
    n = figures.bare_row
    source, line = found.place("items", n) if n is not None and n >= 0 else (None, None)
    return Problem(
        "items",
        "no text at all: no letter in the title, no description, categories or content; "
        "name the columns that hold some in [data.items]",
        figures.bare,
        Example(source, line, "item_id", figures.bare_item),
    )
