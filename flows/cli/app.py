"""The command `polyrec`.

Heavy packages are imported inside the commands that need them, so that --help answers at once.
"""

import atexit
import logging
import os
import sys

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError

from flows.cli.check import check
from flows.cli.data import data
from flows.cli.explain import explain
from flows.cli.forget import forget
from flows.cli.init import init
from flows.cli.printing import complain
from flows.cli.publications import publications, rollback
from flows.cli.recommend import export, recommend
from flows.cli.report import report
from flows.cli.rules import rules
from flows.cli.run import run
from flows.cli.studies import ablate, relevance, tune
from flows.cli.texts import texts
from flows.cli.ui import ui
from flows.cli.usage import misread
from flows.signals import TERMINATED, raising
from warehouse.errors import PolyrecError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


@app.callback()
def polyrec() -> None:
    """Recommendation lists with a language model in the loop: run the job, read its lists and reports."""


for command in (
    *(init, check, run, report, recommend, explain, export, publications, rollback),
    *(tune, relevance, forget, ui),
):
    app.command()(command)
for name, group in {"data": data, "texts": texts, "ablate": ablate, "rules": rules}.items():
    app.add_typer(group, name=name)


def main() -> None:
    """Run the command line: what a user can mend is one line and exit code 2."""
    code: object = 0
    try:
        # A run that is told to end stops its temporary Prefect server, too: 128 + 15 is what shells say then.
        with raising(SystemExit(143), TERMINATED):
            left = app(standalone_mode=False, prog_name="polyrec")
        code = left if isinstance(left, int) else 0  # what typer.Exit said
    except SystemExit as leaving:
        code = leaving.code
    except NoArgsIsHelpError as error:
        print(error.format_message())
        code = error.exit_code
    except ClickException as error:
        complain(misread(error, sys.argv[1:]), "red")
        code = 2
    except typer.Abort:
        complain("stopped before anything was done", "red")
        code = 1
    except (PolyrecError, OSError) as error:
        complain(str(error), "red")
        code = 2
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        what = f"{type(error).__name__}: {error}"
        complain(f"this was not foreseen (PYTHONDEVMODE=1 shows where): {what}", "red")
        code = 1
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
