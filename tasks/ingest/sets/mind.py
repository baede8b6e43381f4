"""MIND: news and impressions as Parquet, one row a click."""

from pathlib import Path

import polars as pl

NEWS = ["news_id", "category", "subcategory", "title", "abstract", "url"]
NEWS += ["title_entities", "abstract_entities"]
BEHAVIOURS = ["impression_id", "user_id", "time", "history", "impressions"]


def _scan(file: Path, columns: list[str]) -> pl.LazyFrame:
    """A tab-separated file without header, whose quotation marks mean nothing."""
    schema = pl.Schema(dict.fromkeys(columns, pl.String()))
    return pl.scan_csv(file, separator="\t", has_header=False, quote_char=None, schema=schema)


def write_news(files: list[Path], target: Path) -> None:
    """All articles; one that is in several files stays in each of them."""
    pl.concat([_scan(file, NEWS) for file in files]).collect().write_parquet(target)


def write_clicks(files: list[Path], target: Path) -> None:
    """One row (user_id, news_id, time, event) a click, from impressions and histories.

    A click of an impression has its time (the files name no zone: taken as UTC) and event `click`. Clicks of
    a history have none: each is put one second after the one before it, the last one a second before the
    first impression that shows it, with event `history`; one that an earlier impression gives is left out.
    """
    rows = pl.concat([_scan(file, BEHAVIOURS) for file in files]).with_columns(
        pl.col("time").str.to_datetime("%m/%d/%Y %I:%M:%S %p")
    )
    clicks = (
        rows.select("user_id", "time", news_id=pl.col("impressions").str.split(" "))
        .explode("news_id")
        .filter(pl.col("news_id").str.ends_with("-1"))
        .with_columns(pl.col("news_id").str.strip_suffix("-1"))
    )
    history = (
        rows.filter(pl.col("history").fill_null("") != "")
        .group_by("user_id", "history")
        .agg(pl.col("time").min())
        .with_columns(news_id=pl.col("history").str.split(" "))
        .with_columns(back=pl.int_ranges(pl.col("news_id").list.len(), 0, -1))
        .drop("history")
        .explode("news_id", "back")
        .group_by("user_id", "news_id")
        .agg(pl.col("time", "back").sort_by("time", "back").first())
    )
    first = clicks.group_by("user_id", "news_id").agg(clicked=pl.col("time").min())
    told = (
        history.join(first, on=["user_id", "news_id"], how="left")
        .filter(pl.col("clicked").is_null() | (pl.col("clicked") >= pl.col("time")))
        .select("user_id", "news_id", time=pl.col("time") - pl.duration(seconds=pl.col("back")))
        .with_columns(event=pl.lit("history"))
    )
    own = clicks.select("user_id", "news_id", "time", event=pl.lit("click"))
    pl.concat([told, own]).sort("user_id", "time", "news_id").collect().write_parquet(target)
