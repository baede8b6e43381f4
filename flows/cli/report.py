"""`polyrec report`: how good the models and the fusion are."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import Config, Json, load
from flows.cli.printing import print_answer


def report(
    draws: Annotated[
        list[Path] | None,
        typer.Option("--draws", help="Five files of `report --json`, a draw of cold_item each: their mean."),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show how good the models and the fusion are."""
    from flows.cli.tables.report import draws_table, report_table

    if draws:
        from tasks.evaluation.draws import mean_of_files

        print_answer(mean_of_files(draws), as_json, draws_table)
        return
    from tasks.evaluation.summary import build_report
    from warehouse.snapshot import reading

    with reading(load(config).data_folder) as snapshot:
        values = build_report(snapshot)
    print_answer(values, as_json, report_table)
