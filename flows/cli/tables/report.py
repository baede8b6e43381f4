"""The report, and the mean of several, for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group

from flows.cli.tables.table import Table, figure, paragraph, word
from tasks.evaluation.report import FUSION, PARTS, Sheet, blocks


def report_table(report: Mapping[str, Any]) -> Group:
    """A table a part, the weights, the groups, and what the comparison says."""
    return Group(*(paragraph(one) if isinstance(one, str) else _sheet(one) for one in blocks(report)))


def _sheet(sheet: Sheet) -> Table:
    name, *figures = sheet.columns
    bold = [number for number, row in enumerate(sheet.rows) if row[0] == FUSION]
    return Table(sheet.title, [word(name), *map(figure, figures)], sheet.rows, bold)


def draws_table(mean: Mapping[str, Any]) -> Group:
    """The mean of every figure over draws, with its standard error: a table a model and part."""
    columns = [word("figure"), figure("mean"), figure("standard error")]
    tables = []
    for model, parts in mean.items():
        for part, figures in parts.items():
            rows = [
                (name, f"{found['mean']:z.3f}", f"{found['standard_error']:z.3f}")
                for name, found in figures.items()
            ]
            tables.append(Table(f"{model}, {PARTS[part]}", columns, rows))
    return Group(paragraph("Mean over draws, and its standard error"), *tables)
