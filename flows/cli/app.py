"""The command `polyrec`.

Heavy packages are imported inside the commands that need them, so that --help answers at once.
"""

import atexit
import logging
import os
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from flows.cli.ablate import ablate
from flows.cli.check import check
from flows.cli.data import data
from flows.cli.explain import explain
from flows.cli.forget import forget
from flows.cli.init import init
from flows.cli.options import Config, Json, alert_of, print_answer, warn
from flows.cli.publications import publications, rollback
from flows.cli.rules import rules
from flows.cli.texts import texts
from flows.cli.tune import tune
from flows.signals import TERMINATED, raising
from tasks.settings import Settings, load_settings
from warehouse.errors import PolyrecError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(data, name="data")
app.add_typer(texts, name="texts")
app.add_typer(ablate, name="ablate")
app.add_typer(rules, name="rules")


class Stage(StrEnum):
    """Stages that can be run alone."""

    ingest = "ingest"
    corpus = "corpus"
    embedding = "embedding"
    matching = "matching"
    fusion = "fusion"
    evaluation = "evaluation"


@app.callback()
def polyrec() -> None:
    """Recommendation lists with a language model in the loop: run the job, read its lists and reports."""


app.command()(init)
app.command()(check)
app.command()(forget)
app.command()(tune)
app.command()(explain)
app.command()(publications)
app.command()(rollback)


@app.command()
def run(
    stage: Annotated[Stage | None, typer.Option("--stage", help="One stage alone, on what is there.")] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Load a delivery even if it is empty or lacks many of the items."),
    ] = False,
    config: Config = None,
) -> None:
    """Run the whole job, or one stage of it."""
    if force:
        os.environ["POLYREC_DATA__FORCE"] = "true"
    settings = load_settings(config)
    _flow(settings, stage.value if stage else "nightly")(str(config.resolve()) if config else None)
    if stage in (None, Stage.evaluation):
        _print_outcome(settings)


@app.command()
def recommend(
    user: Annotated[str | None, typer.Argument(help="A user id; or say what is known of a visitor.")] = None,
    query: Annotated[str | None, typer.Option("--query", help="What a visitor asks for.")] = None,
    history: Annotated[
        str | None, typer.Option("--history", help="Ids of what a visitor chose, the latest last: 50,181.")
    ] = None,
    profile: Annotated[str | None, typer.Option("--profile", help="A text about a visitor.")] = None,
    k: Annotated[int, typer.Option("--k", help="How many items.")] = 10,
    diversity: Annotated[
        str | None,
        typer.Option(
            "--diversity",
            metavar="DIAL",
            help="0 to 1, or `diverse`: the diverse list that is published beside; the published order when "
            "not given.",
        ),
    ] = None,
    reranker: Annotated[
        str | None,
        typer.Option("--reranker", help="mmr, dpp or calibrated; the published one when not given."),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show a user's list, or a visitor's, the reasons, and the latest history beside it.

    A visitor is anybody whom the last run did not know: --query, --history and --profile say what is known of
    them, alone or together. Nothing is trained and nothing is kept.
    """
    from flows.cli.tables.lists import list_table
    from serving.lists import dial_of
    from serving.lists import recommend as read_list
    from warehouse.errors import PolyrecError
    from warehouse.snapshot import reading

    settings, dial = load_settings(config), dial_of(diversity)
    if (user is None) == (query is None and history is None and profile is None):
        raise PolyrecError("give either a user id, or --query, --history or --profile of a visitor")
    with reading(settings.data_folder) as snapshot:
        if user is not None:
            answer = read_list(snapshot, user, k, dial, reranker=reranker)
        else:
            from serving.visitors import Visitor, Visitors, item_ids

            visitor = Visitor(item_ids(history), query, profile)
            answer = Visitors.load(snapshot, settings).recommend(visitor, k, dial, reranker)
        alert = alert_of(snapshot, settings)
    print_answer({**answer, "alert": alert}, as_json, list_table)
    warn(alert)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to: a name that ends in .parquet or .csv.")],
    diverse: Annotated[
        bool, typer.Option("--diverse", help="The diverse lists that are published beside.")
    ] = False,
    config: Config = None,
) -> None:
    """Write the published lists to a file."""
    from warehouse.columns import DIVERSE_LISTS, LISTS
    from warehouse.export import export_lists

    rows = export_lists(load_settings(config).data_folder, file, DIVERSE_LISTS if diverse else LISTS)
    Console().print(f"{rows:,} rows written to {file}", highlight=False)


@app.command()
def report(
    draws: Annotated[
        list[Path] | None,
        typer.Option("--draws", help="Five files of `report --json`, a draw of cold_item each: their mean."),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show how good the models and the fusion are."""
    if draws:
        from flows.cli.tables.report import draws_table
        from tasks.evaluation.draws import mean_of_files

        print_answer(mean_of_files(draws), as_json, draws_table)
        return
    from flows.cli.tables.report import report_table
    from tasks.evaluation.summary import build_report
    from warehouse.snapshot import reading

    with reading(load_settings(config).data_folder) as snapshot:
        values = build_report(snapshot)
    print_answer(values, as_json, report_table)


@app.command()
def relevance(as_json: Json = False, config: Config = None) -> None:
    """Ask a language model about a sample of users, and say what it, its student and a cross-encoder add."""
    settings = load_settings(config)
    answer = _flow(settings, "relevance")(str(config.resolve()) if config else None)
    from flows.cli.tables.relevance import relevance_table

    print_answer(answer, as_json, relevance_table)


@app.command()
def ui(config: Config = None) -> None:
    """Start the Prefect and MLflow servers on this project's stores; Ctrl-C stops both."""
    from flows.servers import serve_ui
    from flows.starting import reconcile_if_free

    settings = load_settings(config)
    reconcile_if_free(settings, "polyrec ui")
    serve_ui(settings)


def main() -> None:
    """Run the command line: what a user can mend is one line and exit code 2."""
    code: object = 0
    try:
        # A run that is told to end stops its temporary Prefect server, too: 128 + 15 is what shells say then.
        with raising(SystemExit(143), TERMINATED):
            app()
    except SystemExit as leaving:
        code = leaving.code
    except PolyrecError as error:
        code = _fail(error)
    if "prefect" in sys.modules:
        _leave(code)
    sys.exit(code)


def _leave(code: object) -> None:
    """End the process without taking the interpreter apart.

    Prefect's daemon threads still hold task parameters then, and DuckDB's bindings report every object that
    outlives them as a leak: a page of noise under a report that people are to read. What was registered for
    the exit, such as stopping the temporary server, is done first.
    """
    logging.shutdown()  # sends what Prefect has still to log while its temporary server is there
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


def _fail(error: Exception) -> int:
    Console(stderr=True, soft_wrap=True).print(
        f"polyrec: {error}", style="red", markup=False, highlight=False
    )
    return 2


def _flow(settings: Settings, name: str) -> Callable[[str | None], Any]:
    """The flow of this name, on this project's Prefect database or its running server."""
    from flows.servers import prefect_environment

    # The traceback of a failed flow is in the Prefect UI; here its one line is enough.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    prefect_environment(settings)
    from importlib import import_module

    return getattr(import_module(f"flows.{name}"), name)


def _print_outcome(settings: Settings) -> None:
    """The report, three lists, and where to look further."""
    from flows.cli.tables.lists import list_table
    from flows.cli.tables.report import report_table
    from serving.lists import recommend as read_list
    from tasks.evaluation.summary import build_report
    from warehouse.snapshot import reading

    console = Console()
    with reading(settings.data_folder) as snapshot:
        console.print(report_table(build_report(snapshot)))
        users = snapshot.query("users")["user_id"].head(3)
        for user in users:
            console.print(list_table(read_list(snapshot, user, k=3, history=3)))
    console.print("Look further:", style="bold")
    for command, what in (
        (
            "polyrec ui",
            f"Prefect at http://127.0.0.1:{settings.prefect_port}, MLflow at http://127.0.0.1:{settings.mlflow_port}",
        ),
        (f"polyrec recommend {users[0]}", "a whole list"),
        ("polyrec report --json", "all figures"),
    ):
        console.print(f"  .venv/bin/{command:28}{what}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
