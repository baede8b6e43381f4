"""Drafts a configuration for files that nobody has described yet."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from tasks.ingest.drafting.nouns import noun_of
from tasks.ingest.drafting.others import searches_of, sort_out, triples_of
from tasks.ingest.drafting.plan import Answers, Plan, make_plan
from tasks.ingest.drafting.tables import Sampled, look_at
from tasks.ingest.drafting.toml import toml
from tasks.ingest.drafting.writing import EVENT_ROLES, ITEM_ROLES, Draft, write_tables
from tasks.ingest.sets.catalogue import set_of
from tasks.settings.angles import angle_set_for
from tasks.settings.data import Data
from warehouse.errors import SettingsError

Kind = Literal["items", "interactions", "users", "searches", "triples"]
REQUIRED = ("items.id", "items.title", "interactions.user", "interactions.item")


def draft(folder: Path, given: Mapping[Kind, Sequence[Path]], answers: Answers | None = None) -> Draft:
    """Draft a configuration, to lie in a folder, for files by table, or for what is found in that folder.

    `answers` say which column a role has: "items.title" to its name, or to "" for none.

    Raises:
        SettingsError: a given path does not exist, or an answer names no role or no column.
    """
    made, answers = Draft(), answers or {}
    tables, logs, catalogues = _tables(folder, given, made)
    _check_roles(answers)
    plan = make_plan(logs, catalogues, answers, tables)
    if any(plan.column(role) != (column or None) for role, column in answers.items()):
        _refuse(answers, make_plan(logs, catalogues, {}, tables))
    _begin(made, "files")
    write_tables(made, plan, sort_out(plan, tables), list(answers))
    if plan.catalogue or plan.log:
        files = [one for one in (plan.catalogue, plan.log.table if plan.log else None) if one]
        names = [name for one in files for name in (*one.files, *one.rows.columns)]
        _corpus(made, noun_of(names), "What texts talk about: from names of files and columns.")
    return made


def _tables(
    folder: Path, given: Mapping[Kind, Sequence[Path]], made: Draft
) -> tuple[list[Sampled], list[Sampled], list[Sampled]]:
    """All tables; those that may be the log; those that may be the catalogue."""
    if not any(given.values()):
        found = look_at(folder, [folder])
        made.unused += found.aside
        able = [one for one in found.tables if not (triples_of(one) or searches_of(one))]
        return found.tables, able, able
    by_kind: dict[Kind, list[Sampled]] = {}
    for kind, paths in given.items():
        found = look_at(folder, paths, kind)
        made.unused += found.aside
        by_kind[kind] = found.tables
    every = [one for tables in by_kind.values() for one in tables]
    return every, by_kind.get("interactions", []), by_kind.get("items", [])


def _check_roles(answers: Answers) -> None:
    known = [f"items.{role}" for role in ITEM_ROLES] + [f"interactions.{role}" for role in EVENT_ROLES]
    for role, column in answers.items():
        if role not in known:
            raise SettingsError(
                f"--set {role}={column} names no column of a table; write one of: {', '.join(known)}"
            )
        if not column and role in REQUIRED:
            raise SettingsError(f"--set {role}= leaves out what there has to be; name a column")


def _refuse(answers: Answers, plan: Plan) -> None:
    """Say which answer names no column of its table, and which columns there are."""
    for role, column in answers.items():
        section = role.partition(".")[0]
        if section == "items":
            columns = list(plan.catalogue.rows.columns) if plan.catalogue else []
        else:
            columns = list(plan.log.columns) if plan.log else []
        table = plan.catalogue if section == "items" else plan.log.table if plan.log else None
        if column and column not in columns:
            where = (
                f"is no column of {table.name}; write one of: {', '.join(columns)}"
                if table
                else "has no table"
            )
            raise SettingsError(f"--set {role}={column} {where}")
    told = ", ".join(f"{role}={column}" for role, column in answers.items())
    raise SettingsError(
        f"--set {told}: no table has all of these columns; name the files with --items, --interactions"
    )


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
