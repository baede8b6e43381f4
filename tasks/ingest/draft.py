"""Drafts a configuration for files that nobody has described yet."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.ingest import infer_schema
from tasks.ingest.infer_schema import Inferred, Kind
from tasks.ingest.mapping import COLUMNS
from tasks.ingest.sample import Sample, sample
from tasks.ingest.sets.catalogue import set_of
from tasks.settings.angles import angle_set_for
from tasks.settings.data import Data, Table
from warehouse.errors import SettingsError

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".pq")


@dataclass(frozen=True)
class Told:
    """One inferred key, for people: table, key of the TOML, value, why."""

    table: str
    key: str
    value: str
    why: str


@dataclass
class Draft:
    """A configuration and the reasons behind it."""

    told: list[Told] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    table: str = ""

    @property
    def text(self) -> str:
        """The TOML file."""
        return "\n".join(self.lines).strip() + "\n"

    def begin(self, table: str, files: Sequence[Sample] = ()) -> None:
        """Begin a table, to which the next keys belong, and name its files."""
        self.table = table
        self.lines += ["", f"[{table}]" if not table.endswith("also") else f"[[{table}]]"]
        if files:
            self.lines.append(f"files = {toml([one.source for one in files])}")

    def key(self, key: str, value: object, why: str) -> None:
        """Set a key, with the reason as its comment."""
        self.told.append(Told(self.table, key, str(value), why))
        self.lines += [f"# {one_line(why)}", f"{key} = {toml(value)}"]


def _required(one: Sample, found: Mapping[str, Inferred | None], roles: Iterable[str], table: str) -> None:
    """Refuse a table that lacks the column of a role."""
    for role in roles:
        if not found.get(role):
            raise SettingsError(
                f"{one.source} has no column that looks like {role} among {', '.join(one.rows.columns)}; "
                f"rename one, or write [{table}] by hand"
            )


def one_line(text: str) -> str:
    """Text that a TOML comment may hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def toml(value: object) -> str:
    r"""A value as TOML writes it.

    >>> toml('say "é"\n'), toml(["a", 1.0]), toml({"add to cart": 3})
    ('"say \\"é\\"\\n"', '["a", 1.0]', '{"add to cart" = 3}')
    """
    if isinstance(value, str):  # a JSON string is a TOML string, but for DEL
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml(str(key))} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    return json.dumps(value)


def draft(folder: Path, given: Mapping[Kind, Sequence[Path]]) -> Draft:
    """Draft a configuration, to lie in a folder, for files by table, or for what is found in that folder.

    Raises:
        SettingsError: there is no catalogue or no event log among them.
        SourceError: a file cannot be read at all.
    """
    made = Draft()
    tables: Mapping[Kind, Sequence[Sample]]
    if not any(given.values()):
        tables = _sorted_out(folder, made)
    else:
        tables = {kind: [_sample(folder, path) for path in paths] for kind, paths in given.items() if paths}
    logs = tables.get("interactions", [])
    if not logs:
        raise SettingsError(
            f"no event log found in {folder}: a table with a user and an item; name it with --interactions"
        )
    of_log = logs[:1] if "title" in infer_schema.infer_items(logs[0].rows) else []
    items = tables.get("items") or of_log
    if not items:
        raise SettingsError(
            f"no catalogue found in {folder}: a table with an item's id and its title; name it with --items"
        )
    names = [name for one in items for name in (Path(one.source).name, *one.rows.columns)]
    _begin(made, "files")
    _items(made, items)
    _interactions(made, logs)
    _others(made, tables)
    _corpus(made, infer_schema.noun_of(names), "What texts talk about: from names of files and columns.")
    return made


def draft_set(name: str) -> Draft:
    """Draft a configuration for a built-in data set.

    Raises:
        SourceError: there is no such set.
    """
    made, found = Draft(), set_of(name, Data().category)
    _begin(made, found.name)
    if found.per_category:
        made.key("category", Data().category, "The smallest one; a wrong name lists them all.")
    _corpus(made, found.noun, "What texts talk about.")
    return made


def _begin(made: Draft, source: str) -> None:
    made.lines += [
        "# Drafted by `polyrec init`; every line may be changed. All settings: polyrec.toml of the project.",
        "",
        "# This project's state lies beside this file.",
        'home = "state"',
    ]
    made.begin("data")
    made.lines.append(f"source = {toml(source)}")


def _corpus(made: Draft, noun: str, why: str) -> None:
    made.begin("corpus")
    made.key("angle_set", angle_set_for(noun), why)


def _sample(folder: Path, path: Path) -> Sample:
    if not path.exists():
        raise SettingsError(f"there is no file {path}; correct the path")
    relative = Path(os.path.relpath(path.parent.resolve() / path.name, folder.resolve()))
    return sample(Table(files=(relative.as_posix(),)), folder)


def _sorted_out(folder: Path, made: Draft) -> dict[Kind, list[Sample]]:
    """Which file of a folder is which table; of several logs, the one that says most."""
    tables: dict[Kind, list[Sample]] = {}
    for path in sorted(folder.iterdir()):
        name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
        if not (path.is_file() and name.endswith(SUFFIXES)):
            continue
        sampled = _sample(folder, path)
        kind = infer_schema.kind_of(sampled.rows)
        if kind is None:
            made.unused.append(f"{path.name}: no table that can be told")
        else:
            tables.setdefault(kind, []).append(sampled)
    logs = tables.get("interactions", [])
    logs.sort(key=lambda one: len(infer_schema.infer_interactions(one.rows)), reverse=True)
    made.unused += [f"{one.source}: {logs[0].source} says more about events" for one in logs[1:]]
    del logs[1:]
    for kind in ("users", "searches", "triples"):
        made.unused += [f"{one.source}: one table of {kind} is enough" for one in tables.get(kind, [])[1:]]
    return tables


def _items(made: Draft, items: Sequence[Sample]) -> None:
    """The catalogue and, from further files with the same id, `also`."""
    main, *rest = sorted(items, key=lambda one: infer_schema.find(one.rows, "title") is None)
    found = infer_schema.infer_items(main.rows)
    _required(main, found, ("id", "title"), "data.items")
    made.begin("data.items", [main])
    for role, (column, why) in found.items():
        made.key(role, column, why)
        if role == "title" and infer_schema.year_in_title(main.rows[column]):
            made.key("year_in_title", True, "Most titles end in a year in brackets.")
        if role == "categories":
            mark = infer_schema.category_delimiter(main.rows[column])
            made.key("category_delimiter", mark, "What stands between categories.")
    if "user" in infer_schema.infer_interactions(main.rows):
        made.key("duplicates", "most_common", "A log names an item in every event, not always alike.")
    else:
        _content(made, infer_schema.infer_content(main.rows, {one.column for one in found.values()}))
    for one in rest:
        _also(made, found["id"], one)


def _content(made: Draft, content: Sequence[str]) -> None:
    if content:
        made.key("content", content, "Columns that say what an item is.")


def _also(made: Draft, id_: Inferred, one: Sample) -> None:
    wanted = infer_schema.plain_name(id_.column)
    shared = next((name for name in one.rows.columns if infer_schema.plain_name(name) == wanted), None)
    text = infer_schema.find(one.rows, "description")
    content = infer_schema.infer_content(one.rows, {text.column} if text else set())
    if shared is None or not (text or content):
        made.unused.append(f"{one.source}: no column {id_.column} with a text about items beside it")
        return
    made.begin("data.items.also", [one])
    made.key("id", shared, "The item's id, as in the catalogue.")
    if text:
        made.key("description", text.column, text.why)
    _content(made, content)


def _interactions(made: Draft, logs: Sequence[Sample]) -> None:
    found, rows = infer_schema.infer_interactions(logs[0].rows), logs[0].rows
    _required(logs[0], found, ("user", "item"), "data.interactions")
    made.begin("data.interactions", logs)
    for role, (column, why) in found.items():
        made.key("value" if role in ("rating", "amount") else role, column, why)
        if role == "event":
            weights = infer_schema.event_weights(rows[column])
            made.key("event_weights", weights, "From the names of the types; change them.")
        if role == "amount":
            made.key("value_is", "amount", "How many is no rating: an event counts 1.")
            least = infer_schema.smallest_amount(rows[column])
            made.key("min_value", least, "Less is a return, and no interest: such rows are set aside.")
    if "time" not in found:
        made.lines.append("# No column of times: the order in the files is the time.")


def _others(made: Draft, tables: Mapping[Kind, Sequence[Sample]]) -> None:
    for kind in ("users", "searches", "triples"):
        for one in tables.get(kind, [])[:1]:
            keys = {"user": "id"} if kind == "users" else {key: key for key in COLUMNS[kind]}
            found = {role: infer_schema.find(one.rows, role) for role in keys}
            _required(one, found, keys, f"data.{kind}")
            made.begin(f"data.{kind}", [one])
            for role, inferred in found.items():
                if inferred:
                    made.key(keys[role], inferred.column, inferred.why)
