"""`polyrec run`: the whole job or a stage of it, and what it has to show at the end."""

import os
import shlex
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.cli.options import Config, load
from flows.cli.printing import print_answer, show

if TYPE_CHECKING:
    from tasks.settings import Settings


Stage = Literal["ingest", "corpus", "embedding", "matching", "fusion", "evaluation"]


def run(
    stage: Annotated[Stage | None, typer.Option("--stage", help="One stage alone, on what is there.")] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Load a delivery even if it is empty or lacks many of the items."),
    ] = False,
    adapt: Annotated[
        bool,
        typer.Option("--adapt", help="Adapt the matchers' settings to the data anew."),
    ] = False,
    config: Config = None,
) -> None:
    """Run the whole job, or one stage of it."""
    if force:
        os.environ["POLYREC_DATA__FORCE"] = "true"
    if adapt:
        os.environ["POLYREC_MATCHING__ADAPT_ANEW"] = "true"
    settings = load(config)
    run_flow(stage or "nightly", settings, config)
    if stage in (None, "evaluation"):
        print_outcome(settings)


def run_flow(name: str, settings: "Settings", config: Path | None) -> Any:
    """Run the flow of this name, on this project's Prefect database or its running server."""
    from flows.servers import prefect_environment, temporary_prefect

    # The traceback of a failed flow is in the Prefect UI; here its one line is enough.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    prefect_environment(settings)
    wait = temporary_prefect(settings)
    flow = getattr(import_module(f"flows.{name}"), name)
    wait()
    return flow(str(config.resolve()) if config else None)


def print_outcome(settings: "Settings") -> None:
    """The report, three lists, and where to look further."""
    from flows.cli.tables.recommend import list_table
    from flows.cli.tables.report import report_table
    from serving.lists import recommend
    from tasks.evaluation.summary import build_report
    from warehouse.snapshot import reading

    with reading(settings.data_folder) as snapshot:
        print_answer(build_report(snapshot), False, report_table)
        users = snapshot.query("users")["user_id"].head(3)
        for user in users:
            print_answer(recommend(snapshot, user, k=3, history=3), False, list_table)
    show("Look further:")
    show("  .venv/bin/polyrec ui")
    show(f"    Prefect at http://127.0.0.1:{settings.prefect_port}")
    show(f"    MLflow at http://127.0.0.1:{settings.mlflow_port}")
    if len(users):
        asked = shlex.join(["polyrec", "recommend", *(["--"] if users[0].startswith("-") else []), users[0]])
        show(f"  .venv/bin/{asked:27} a whole list")
    show(f"  .venv/bin/{'polyrec report --json':28}all figures")
