"""From the files of a built-in set to the tables and column mapping that ingest reads."""

import os
import shutil
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.ingest.sets.catalogue import folder_of, get_command, set_of
from tasks.ingest.sets.get import Manifest, verify
from tasks.ingest.sets.mind import write_clicks, write_news
from tasks.settings.data import Data, Interactions, Items, Users
from tasks.settings.section import Section
from warehouse.errors import SourceError


def builtin(data: Data, folder: Path) -> Data:
    """The settings with the files and columns of a fetched set in place; what a user set otherwise stays.

    Raises:
        SourceError: the set was not fetched, or its files have changed.
    """
    one = set_of(data.source, data.category)
    home, again = folder_of(one, data.category, folder), get_command(one, data.category)
    manifest = Manifest.read(home)
    remotes = one.remotes(data.category)
    if any(remote.name not in manifest.files for remote in remotes):
        raise SourceError(f"the data set {one.name} is not here; run `{again}`, which shows its terms first")
    files = [verify(home, remote.name, manifest, again) for remote in remotes]
    # Named by what it was made of: what was unpacked from other archives is not taken for this.
    made_of = "".join(manifest.files[remote.name].sha256 for remote in remotes)
    ready = home / "prepared" / sha256(made_of.encode()).hexdigest()[:12]
    ready.mkdir(parents=True, exist_ok=True)
    tables = PREPARE[data.source](files, ready)
    mine = {"items": data.items, "interactions": data.interactions, "users": data.users}
    return data.model_copy(update={key: overlay(table, mine[key]) for key, table in tables.items()})


def overlay(table: Section, wanted: Section) -> Section:
    """A set's table with those settings of the user that differ from their defaults."""
    fields = type(wanted).model_fields
    update = {
        key: value
        for key in fields
        if (value := getattr(wanted, key)) != fields[key].get_default(call_default_factory=True)
    }
    if "files" in update or "connection" in update:
        raise SourceError('a built-in data set has files of its own; set source = "files" to read yours')
    return table.model_copy(update=update)


def _once(target: Path, write: Callable[[Path], object]) -> str:
    """The path of a file that is written when it is not there yet, whole or not at all."""
    if not target.exists():
        part = target.with_name(f"{target.name}.part")
        write(part)
        os.replace(part, target)
    return str(target)


def _member(archive: Path, name: str, target: Path) -> str:
    """A file of an archive, unpacked by the last part of its name."""

    def write(part: Path) -> None:
        try:
            with zipfile.ZipFile(archive) as opened:
                inside = next(one for one in opened.namelist() if one.rsplit("/", 1)[-1] == name)
                with opened.open(inside) as source, part.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
        except (zipfile.BadZipFile, StopIteration):
            raise SourceError(
                f"{archive} is no archive that holds {name}; remove it and get it anew"
            ) from None

    return _once(target, write)


def _movielens_1m(files: list[Path], ready: Path) -> dict[str, Section]:
    shared: dict[str, Any] = {"delimiter": "::", "encoding": "latin-1", "header": False}
    movies, ratings, users = (
        {"files": (_member(files[0], name, ready / name),), **shared}
        for name in ("movies.dat", "ratings.dat", "users.dat")
    )
    return {
        "items": Items(**movies, id="column0", title="column1", categories="column2", year_in_title=True),
        "interactions": Interactions(
            **ratings, user="column0", item="column1", value="column2", time="column3"
        ),
        "users": Users(**users, id="column0"),
    }


def _latest_small(files: list[Path], ready: Path) -> dict[str, Section]:
    movies, ratings = (_member(files[0], name, ready / name) for name in ("movies.csv", "ratings.csv"))
    csv: dict[str, Any] = {"delimiter": ",", "encoding": "utf-8"}
    events: dict[str, Any] = {"user": "userId", "item": "movieId", "value": "rating", "time": "timestamp"}
    return {
        "items": Items(files=(movies,), **csv, id="movieId", categories="genres", year_in_title=True),
        "interactions": Interactions(files=(ratings,), delimiter=",", **events),
    }


def _goodbooks(files: list[Path], _ready: Path) -> dict[str, Section]:
    books, ratings = map(str, files)
    columns: dict[str, Any] = {"id": "book_id", "year": "original_publication_year", "content": ("authors",)}
    return {
        "items": Items(files=(books,), delimiter=",", encoding="utf-8", **columns),
        "interactions": Interactions(files=(ratings,), delimiter=",", item="book_id", value="rating"),
    }


def _amazon(files: list[Path], _ready: Path) -> dict[str, Section]:
    meta, reviews = map(str, files)
    items: dict[str, Any] = {"id": "parent_asin", "description": "description", "categories": "categories"}
    return {
        "items": Items(files=(meta,), **items, content=("store", "features")),
        "interactions": Interactions(files=(reviews,), item="parent_asin", time="timestamp", value="rating"),
    }


def _mind(files: list[Path], ready: Path) -> dict[str, Section]:
    news, clicks = ready / "news.parquet", ready / "clicks.parquet"
    raw = {
        name: [ready / f"{archive.stem}_{name}" for archive in files]
        for name in ("news.tsv", "behaviors.tsv")
    }
    if not (news.exists() and clicks.exists()):
        for name, targets in raw.items():
            for archive, target in zip(files, targets, strict=True):
                _member(archive, name, target)
    _once(news, lambda part: write_news(raw["news.tsv"], part))
    _once(clicks, lambda part: write_clicks(raw["behaviors.tsv"], part))
    for target in (*raw["news.tsv"], *raw["behaviors.tsv"]):
        target.unlink(missing_ok=True)
    items: dict[str, Any] = {"files": (str(news),), "id": "news_id", "description": "abstract"}
    return {
        "items": Items(**items, categories="category", content=("subcategory",)),
        "interactions": Interactions(files=(str(clicks),), item="news_id", time="time", event="event"),
    }


PREPARE = {
    "movielens-1m": _movielens_1m,
    "ml-latest-small": _latest_small,
    "goodbooks-10k": _goodbooks,
    "amazon-reviews-2023": _amazon,
    "mind-small": _mind,
}
