"""Texts of several engines, prompts and passes, side by side: which versions there are, what each would show.

A version has a name. All texts of an engine are called by the engine's name, such as `openvino`; those that
one task wrote `openvino@1f0c52d8`, after what its prompts begin with; and where a slot was opened in several
ways under one task, those of each opening `openvino@1f0c52d8:mood:9a3e`. The second pass asks for each text
in its own words: all its texts of an engine are `openvino@pass2`.
"""

from collections.abc import Sequence

import polars as pl

from tasks.corpus.prompts import SEPARATOR
from tasks.run.fingerprint import fingerprint
from warehouse.columns import ANGLE, ITEM, SLOT, TEXT_ID
from warehouse.errors import PolyrecError

NAMES = ("engine", "task_version", "opening_version")
SHOWN = (ITEM, SLOT, ANGLE, TEXT_ID, "text")


def with_versions(texts: pl.DataFrame) -> pl.DataFrame:
    """Texts with the names that they are known by: of their task's, and of their opening's version.

    Of a prompt of the first pass the first part is the task, the last one the opening.
    """
    parts = pl.col("prompt").str.split(SEPARATOR)
    rewritten = pl.col("pass") > 1
    keyed = texts.with_columns(task=parts.list.first(), opening=parts.list.last())
    return (
        keyed.with_columns(
            task_version=pl.col("engine")
            + "@"
            + pl.when(rewritten).then(pl.format("pass{}", "pass")).otherwise(_short(keyed["task"], 8))
        )
        .with_columns(openings=pl.col("opening").n_unique().over("task_version", SLOT))
        .with_columns(
            opening_version=pl.when((pl.col("openings") > 1) & ~rewritten).then(
                pl.col("task_version") + ":" + pl.col(ANGLE) + ":" + _short(keyed["opening"], 4)
            )
        )
        .drop("task", "opening", "openings")
    )


def version_counts(texts: pl.DataFrame) -> dict[str, int]:
    """How many places, an item's slot each, every version has a text for, of texts `with_versions`."""
    names = texts.unpivot(on=NAMES, index=[ITEM, SLOT], value_name="name").filter(
        pl.col("name").is_not_null()
    )
    counted = names.unique([ITEM, SLOT, "name"]).group_by("name").len().sort("name")
    return dict(counted.select("name", "len").iter_rows())


def texts_of_version(texts: pl.DataFrame, name: str) -> pl.DataFrame:
    """The text that a version would show in each of its places: columns of `SHOWN`.

    Raises:
        PolyrecError: there is no version of that name.
    """
    found = texts.filter(pl.any_horizontal(pl.col(column) == name for column in NAMES))
    if found.is_empty():
        known = ", ".join(f"{one} ({count:,} texts)" for one, count in version_counts(texts).items())
        raise PolyrecError(
            f"no texts are called {name!r}; there are {known or 'none yet: write some with polyrec run'}"
        )
    return shown(found)


def texts_of_pass(texts: pl.DataFrame, number: int) -> pl.DataFrame:
    """What would be shown after so many passes: the latest rewrite that was kept, else the first text.

    Only places that have a live text count, and only texts of the engine that wrote it. No rows when no text
    of that pass is live.
    """
    live = texts.filter("live").select(ITEM, SLOT, "engine")
    found = texts.join(live, on=[ITEM, SLOT, "engine"], how="semi").filter(pl.col("pass") <= number)
    if number > 1 and not found.filter("live")["pass"].is_in([number]).any():
        return found.clear().select(SHOWN)
    return shown(found)


def shown(texts: pl.DataFrame) -> pl.DataFrame:
    """One text of each place: of the live ones, else of the latest pass, a written one before a plain one."""
    order = [~pl.col("live"), pl.col("status") == "fallback", -pl.col("pass"), pl.col("attempt")]
    return texts.sort(ITEM, SLOT, *order, TEXT_ID).unique([ITEM, SLOT], keep="first", maintain_order=True)[
        list(SHOWN)
    ]


def _short(values: pl.Series, letters: int) -> pl.Series:
    """The beginning of the hash of each value."""
    unique: Sequence[str] = values.unique().to_list()
    return values.replace_strict(
        unique, [fingerprint(one)[:letters] for one in unique], return_dtype=pl.String
    )
