"""What the values of a column look like, whatever it is called."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl

NUMBER = r"^\s*[-+]?(\d+|\d{1,3}([.,' ]\d{3})+)([.,]\d+)?([eE][-+]?\d+)?\s*$"
WHOLE = r"^\s*[-+]?\d+([.,]0+)?\s*$"
DATE = (
    r"^\s*\d{4}([-/.]\d{1,2}[-/.]\d{1,2}|年\d{1,2}月\d{1,2}日|년\s*\d{1,2}월\s*\d{1,2}일)"
    r"|^\s*\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2})(\D|$)"
    r"|^\s*(\w{3},?\s+)?(\w{3,9}\.?\s+\d{1,2}|\d{1,2}\.?[\s-]\w{3,9}\.?),?[\s-](.*\s)?\d{4}\b"
)
COMPACT_DATE = r"^\s*(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\.0)?\s*$"
EPOCH = r"^\s*\d{9,10}(\.\d+)?\s*$|^\s*\d{12,13}(\.\d+)?\s*$|^\s*\d{15,16}(\.0)?\s*$|^\s*\d{18,19}\s*$"
YEAR = r"^\s*(1[5-9]|20)\d\d([.,]0)?\s*$"
LETTERS = r"\p{L}"
HASH = r"^[0-9a-fA-F]{16,}$|^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$|^[A-Za-z0-9_-]{20,24}={0,2}$"
URL = r"^\s*[\[{\"']*\s*(https?|ftp|s3|gs)://|^\s*www\."
PICTURE = r"(?i)\.(jpe?g|png|gif|webp|bmp|svg)\b|^\s*\[?\{?.*\"(thumb|large|hi_res|image)\""
LISTED = r"^\s*\[.*\]\s*$|^\s*\{.*\}\s*$"
TRUTH = r"(?i)^\s*(true|false|yes|no|y|n|t|f|0|1|ja|nein|oui|non|si|sí|sim|não|да|нет|是|否|はい|いいえ)\s*$"
SEPARATORS = ("|", ";", ",", "/")
FEW_STEPS = 21
PACKED_CELLS = 500


@dataclass(frozen=True, eq=False)
class Profile:
    """A column of a sample: its name, its values, and what can be said of those that are filled."""

    name: str
    values: pl.Series

    @cached_property
    def filled(self) -> pl.Series:
        """Values that are there."""
        return self.values.drop_nulls().filter(self.values.drop_nulls().str.strip_chars() != "")

    @cached_property
    def n_distinct(self) -> int:
        """How many values differ."""
        return self.filled.n_unique()

    @property
    def filled_share(self) -> float:
        """Which share of the rows has a value."""
        return len(self.filled) / max(1, len(self.values))

    @property
    def uniqueness(self) -> float:
        """Distinct values in relation to values; 1 where all differ."""
        return self.n_distinct / max(1, len(self.filled))

    @cached_property
    def _shares(self) -> dict[str, float]:
        return {}

    def share(self, pattern: str) -> float:
        """Which share of the values a pattern is found in."""
        if pattern not in self._shares:
            found = float(self.filled.str.contains(pattern).sum())
            self._shares[pattern] = found / max(1, len(self.filled))
        return self._shares[pattern]

    @cached_property
    def keys(self) -> frozenset[str]:
        """The distinct values as ids meet: trimmed, without the fraction that pandas gives whole numbers."""
        plain = self.filled.str.strip_chars().str.replace(r"^([+-]?\d+)\.0$", "$1")
        return frozenset(plain.unique().to_list())

    @cached_property
    def number(self) -> float:
        """Share of numbers."""
        return self.share(NUMBER)

    @cached_property
    def whole(self) -> float:
        """Share of whole numbers, however they are written: 12, 12.0, 1.2e1."""
        if self.number < 0.5:
            return self.share(WHOLE)
        return float((self.numbers % 1 == 0).sum()) / max(1, len(self.filled))

    @cached_property
    def packed(self) -> frozenset[str]:
        """The ids in cells that hold several, apart by spaces, commas or bars, without a mark of 0 or 1."""
        cells = self.filled.head(PACKED_CELLS)
        if not len(cells) or cells.str.count_matches(r"[\s,;|]").mean() < 1:  # type: ignore[operator]
            return frozenset()
        pieces = cells.str.strip_chars("[] ").str.extract_all(r"[^\s,;|\"']+").explode().drop_nulls()
        return frozenset(pieces.str.replace(r"[-:][01]$", "").unique().to_list())

    @cached_property
    def grouped(self) -> float:
        """How far rows of one value stand together: 1 where each value stands in one run of rows."""
        runs = int((self.filled != self.filled.shift(1)).sum()) + 1
        return self.n_distinct / runs

    @cached_property
    def letters(self) -> float:
        """Share of values with a letter."""
        return self.share(LETTERS)

    @cached_property
    def hashes(self) -> float:
        """Share of values such as a program draws them: hexadecimal, UUID, base 64."""
        return min(self.share(HASH), self.share(r"\d"))

    @cached_property
    def words(self) -> float:
        """Mean number of words; of scripts without spaces, three letters are one."""
        counts = self.filled.str.count_matches(r"[\p{L}\p{N}'’]+").fill_null(0)
        spaceless = self.filled.str.count_matches(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]").fill_null(0)
        return float((counts + spaceless / 3).mean() or 0)  # type: ignore[arg-type]

    @cached_property
    def length(self) -> float:
        """Mean number of characters."""
        return float(self.filled.str.len_chars().mean() or 0)  # type: ignore[arg-type]

    @cached_property
    def numbers(self) -> pl.Series:
        """Values as numbers, decimal commas read, null where there is none."""
        plain = self.filled.str.strip_chars()
        commas = plain.str.contains(r",\d{1,2}$|,\d{4,}$").any() and not plain.str.contains(r",.*\.").any()
        plain = (
            plain.str.replace_all(r"[.' ]", "").str.replace(",", ".")
            if commas
            else plain.str.replace_all(",", "")
        )
        return plain.cast(pl.Float64, strict=False).drop_nulls()

    @property
    def skewed(self) -> bool:
        """Whether few numbers are large, as counts are."""
        mean, median = self.numbers.mean(), self.numbers.median()
        return isinstance(mean, float) and isinstance(median, float) and mean > 1.3 * median > 0

    @cached_property
    def steps(self) -> list[float]:
        """The distinct numbers in order; empty where there are many, or these are no numbers."""
        if self.number < 0.95:
            return []
        found = self.numbers.unique().sort().to_list()
        return found if len(found) <= FEW_STEPS else []

    @cached_property
    def time(self) -> str:
        """What kind of time most values are: "date", "day" (20240131), "epoch", or ""."""
        if not len(self.filled):
            return ""
        if self.share(DATE) >= 0.8:
            return "date"
        if self.share(COMPACT_DATE) >= 0.95:
            return "day"
        if self.share(EPOCH) >= 0.8 and _since_1990(self.numbers):
            return "epoch"
        return ""

    @cached_property
    def truth(self) -> bool:
        """Whether values say yes or no, and nothing else."""
        return bool(len(self.filled)) and self.share(TRUTH) >= 0.98 and self.n_distinct <= 4

    @cached_property
    def listed(self) -> float:
        """Share of lists and objects, as JSON or as Python writes them."""
        return self.share(LISTED)

    @cached_property
    def separator(self) -> str:
        """What cuts values into parts that repeat, as categories do; "" when nothing does."""
        for mark in SEPARATORS:
            if self.share(re.escape(mark)) < 0.05:
                continue
            pieces = self.filled.str.split(mark).explode().str.strip_chars()
            if mark == "/" and self.share(r"\d/\d") > 0.2:
                continue
            if pieces.n_unique() <= 0.7 * len(pieces) or len(self.filled) < 20:
                return mark
        return ""

    @property
    def row_number(self) -> bool:
        """Whether this counts the rows: 0, 1, 2, ..."""
        if len(self.filled) < 3 or self.whole < 1 or len(self.filled) != len(self.values):
            return False
        return bool((self.numbers.diff().drop_nulls() == 1).all()) and self.numbers[0] in (0.0, 1.0)

    @property
    def example(self) -> str:
        """A value, cut to what a line can hold."""
        found = " ".join(self.filled[0].split()) if len(self.filled) else ""
        return found if len(found) <= 40 else f"{found[:39]}…"

    def describe(self) -> str:
        """What the values look like, in few words."""
        if not len(self.filled):
            return "empty"
        kinds: Mapping[str, object] = {
            "times": self.time,
            "yes or no": self.truth,
            "addresses": self.share(URL) >= 0.5,
            "lists or objects": self.listed >= 0.5,
            "whole numbers": self.whole >= 0.95,
            "numbers": self.number >= 0.95,
            "hashes": self.hashes >= 0.9,
            "long texts": self.words >= 12,
            "texts": self.letters >= 0.5,
        }
        kind = next((name for name, holds in kinds.items() if holds), "values")
        return f"{kind}, {self.n_distinct:,} distinct" + (
            f", {1 - self.filled_share:.0%} empty" if self.filled_share < 0.995 else ""
        )


def _since_1990(numbers: pl.Series) -> bool:
    """Whether numbers of these sizes are times after 1990 and before 2070, in some unit."""
    middle = numbers.median()
    if not isinstance(middle, float):
        return False
    return any(631_000_000 * unit <= middle <= 3_155_000_000 * unit for unit in (1, 1e3, 1e6, 1e9))
