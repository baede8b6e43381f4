"""What a check of a delivery found, for the terminal."""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from flows.cli.tables.table import Table, figure, said, text, word, written_out

if TYPE_CHECKING:
    from tasks.ingest.findings import Example, Findings, Problem


def check_table(found: "Findings") -> Group:
    """Rows of every source, what can be used, and what is wrong."""
    parts: list[RenderableType] = []
    if found.figures:
        parts += [_sources(found.sources), *map(said, _used(found.as_json())), said("")]
        if found.problems:
            parts.append(_problems(found.ordered))
    parts += [_exact(f"Not usable: {one.reason}") for one in found.ordered if one.fatal]
    if found.usable:
        parts.append(said("Usable, but for the problems above." if found.problems else "Usable."))
    return Group(*parts)


def _sources(rows: Collection[Mapping[str, Any]]) -> Table:
    names = ["rows_in", "used", "quarantined", "merged"]
    names += ["seen_only"] if any(row["seen_only"] for row in rows) else []
    columns = [text("source"), word("kind"), *(figure(name.replace("_", " ")) for name in names)]
    shown = [(_exact(row["source"]), row["kind"], *(f"{row[name]:,}" for name in names)) for row in rows]
    return Table("Rows", columns, shown)


def _problems(problems: Iterable["Problem"]) -> Table:
    """What is wrong, the most frequent first."""
    columns = [figure("rows"), word("kind"), text("what and why", least=18), text("for example", least=18)]
    shown = [
        (f"{one.count:,}", one.kind, _exact(one.reason), _exact(_example(one.example))) for one in problems
    ]
    return Table("Problems", columns, shown)


def _used(answer: Mapping[str, Any]) -> list[str]:
    """What can be used, in a few lines."""
    counts = ", ".join(f"{answer[name]:,} {name}" for name in ("users", "items", "interactions"))
    lines = [f"Used: {counts}"]
    if answer["sparsity"] is not None:
        lines[0] += f"; of all pairs of user and item, {answer['sparsity']:z.2%} have no interaction"
    if answer["seen_only"]:
        told = answer["seen_only_reasons"]
        reasons = [f"{one['count']:,}: " * (len(told) > 1) + one["reason"] for one in told]
        kept = f"Seen only: {answer['seen_only']:,}, of no interest, and not recommended again"
        lines.append(f"{kept} ({'; '.join(reasons)})")
    time, coverage = answer["time_range"], answer["text_coverage"]
    if time["order_is_time"]:
        order = (
            "positions in a column are the order"
            if time["numbers_are"]
            else "the order of the rows is the time"
        )
        lines.append(f"Time: none is delivered; {order}")
    elif time["first"]:
        read = f", numbers read as {time['numbers_are']}" if time["numbers_are"] else ""
        lines.append(f"Time: {time['first']} to {time['last']}{read}")
    if coverage:
        shares = ", ".join(f"{name} {share:z.1%}" for name, share in coverage.items())
        lines.append(f"Items with a text: {shares}")
    lines += (f"{one['kind']}, {one['column']}: {one['said']}" for one in answer["readings"])
    return lines


def _example(example: "Example | None") -> str:
    """Where it stands, and what."""
    if example is None:
        return ""
    place = f"{example.source}, line {example.line:,}" if example.source else ""
    what = "" if example.value is None else repr(example.value)
    if example.field:
        what = f"{example.field}{' = ' if what else ''}{what}"
    return ": ".join(part for part in (place, what) if part)


def _exact(line: str) -> Text:
    """Text from data in which every sign that cannot be seen is written out, spaces of a language, too."""
    return Text(written_out(line))
