"""Takes the published lists out of the house, as a file for other programs."""

from pathlib import Path

import polars as pl

from warehouse.columns import LISTS
from warehouse.errors import WarehouseError
from warehouse.snapshot import check_published, reading

SUFFIXES = (".parquet", ".csv")


def export_lists(folder: Path, path: Path, lists: str = LISTS) -> int:
    """Write all lists of the table LISTS or DIVERSE_LISTS to a .parquet or .csv file; returns how many rows.

    Columns: user_id, rank, item_id, title, year, categories, score, contributions (JSON text: matcher to its
    share of the score), angle, text. In CSV, categories are joined by `|`. A file that exists is replaced.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise WarehouseError(f"cannot export to '{path.name}': the name must end in {' or '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise WarehouseError(f"cannot export to {path}: folder {path.parent} does not exist; make it first")
    with reading(folder) as snapshot:
        check_published(snapshot, lists)
        rows = snapshot.query("published_lists", lists=lists)
    draft = path.with_name(path.name + ".tmp")
    try:
        if suffix == ".csv":
            rows.with_columns(pl.col("categories").list.join("|")).write_csv(draft)
        else:
            rows.write_parquet(draft)
        draft.replace(path)
    except OSError as error:
        raise WarehouseError(f"cannot write {path}: {error}; choose another file") from error
    return rows.height
