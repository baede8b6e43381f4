"""Whatever the docs tell people to type exists; what the docs say about tables and settings is so."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from typer import TyperException
from typer.core import TyperGroup
from typer.main import get_command

from flows.cli.app import app
from flows.cli.reference import reference
from tasks.corpus.prompts import prompts_for
from tasks.items.item import Item
from tasks.settings import PROJECT
from tasks.settings.angles import ANGLE_SETS
from tasks.settings.corpus import Corpus
from tasks.settings.templates import EMPTY
from tests.settings.test_root import fields
from warehouse.connection import writing

PAGES = (
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "mlflow/README.md")),
    *sorted((PROJECT / "docs").rglob("*.md")),
)
TEXT = {page.relative_to(PROJECT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
SHELL_BLOCK = re.compile(r"^```(?:sh|bash|shell|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:\.venv/bin/\w+|polyrec|make|python|honcho|prefect) [^`\n]+)`")
PATH = re.compile(
    r"`((?:benchmarks|docs|flows|mlflow|requirements|serving|tasks|tests|warehouse)/[\w./-]*\w|\w+\.(?:toml|yaml))`"
)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
STATE = ("warehouse/data", "mlflow/data")  # made by a run
OLD_WORDS = re.compile(  # CHANGELOG.md alone has them
    r"\b(rarity|nearness|halves|choose_diverse|most_accurate_with|--final|fusion\.contest|judgements)\b|`choose`"
)
TABLE_ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]*)\|$", re.MULTILINE)


def commands() -> list[str]:
    """Every command of every page, once."""
    found: dict[str, None] = {}
    for text in TEXT.values():
        for block in SHELL_BLOCK.findall(text):
            lines = block.replace("\\\n", " ").splitlines()
            found |= dict.fromkeys(line.strip() for line in lines if line.strip())
        found |= dict.fromkeys(INLINE.findall(text))
    return list(found)


@cache
def run(*arguments: str) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(
        arguments,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_polyrec(arguments: list[str]) -> None:
    """Parse a command line of polyrec without running it."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    context = root.make_context("polyrec", [], resilient_parsing=True)
    group, rest = root, arguments
    while True:
        name, command, rest = group.resolve_command(context, rest)
        assert name
        assert command
        context = command.make_context(name, rest, parent=context)
        if not isinstance(command, TyperGroup):
            return
        group, rest = command, [*context._protected_args, *context.args]
        if not rest and group.invoke_without_command:
            return


def check_prefect(arguments: list[str]) -> None:
    """Ask Prefect whether it has the command, and prefect.yaml whether it has the deployment."""
    words = [word for word in arguments if not word.startswith("-") and "/" not in word]
    run(sys.executable, "-m", "prefect", *words, "--help")
    deployments = yaml.safe_load((PROJECT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    known = {f"{one['entrypoint'].partition(':')[2]}/{one['name']}" for one in deployments}
    assert {word for word in arguments if "/" in word} <= known


def check_python(arguments: list[str]) -> None:
    """A module must exist; a script of ours must have a help with the options given."""
    if arguments[0] == "-m":
        assert find_spec(arguments[1])
        assert all((PROJECT / word).exists() for word in arguments if word.startswith("tests/"))
        return
    help_text = run(sys.executable, arguments[0], "--help")
    for option in arguments[1:]:
        assert not option.startswith("-") or option in help_text


def check(command: str) -> None:
    """Fail when a command of the docs cannot be what it says.

    Anything that this does not know how to check fails too: add a way.
    """
    words = shlex.split(command, comments=True)
    while "=" in words[0]:
        words.pop(0)
    if ">" in words:
        words = words[: words.index(">")]
    program, arguments = words[0].removeprefix(".venv/bin/"), words[1:]
    match program:
        case "make":
            assert run("make", "--dry-run", *arguments)
        case "polyrec":
            check_polyrec(arguments)
        case "python":
            check_python(arguments)
        case "prefect":
            check_prefect(arguments)
        case "honcho":
            assert arguments[0] == "start"
            run(sys.executable, "-m", "honcho", "check")
        case "ruff" | "pyright" | "lint-imports":
            assert Path(sys.executable).with_name(program).exists()
            assert all(
                (PROJECT / word).exists() for word in arguments if word.startswith(("tasks/", "tests/"))
            )
        case _:
            pytest.fail(f"tests/docs cannot check `{command}`; add a way, or leave it out of the docs")


@pytest.mark.parametrize("command", commands())
def test_command_of_the_docs_exists(command: str) -> None:
    check(command)


@pytest.mark.parametrize(
    "command",
    ["polyrec recommned 3", "polyrec texts 3 --jsn", "polyrec run --stage fuse", "make runn", "rm x"],
)
def test_wrong_command_is_found(command: str) -> None:
    with pytest.raises((AssertionError, TyperException, pytest.fail.Exception)):
        check(command)


def test_reference_is_up_to_date() -> None:
    assert TEXT["docs/reference.md"] == reference(), "run: python -m flows.cli.reference > docs/reference.md"


@pytest.mark.parametrize("page", TEXT)
def test_links_lead_somewhere(page: str) -> None:
    for target, _, anchor in re.findall(r"\]\(([^)#]*)(#([^)]+))?\)", TEXT[page]):
        if not target.startswith("http"):
            found = (PROJECT / page).parent.joinpath(target) if target else PROJECT / page
            assert found.exists(), target
            assert not anchor or anchor in anchors(found.read_text(encoding="utf-8")), f"{target}#{anchor}"


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in HEADING.findall(text)}


@pytest.mark.parametrize("page", TEXT)
def test_paths_exist(page: str) -> None:
    text = re.sub(r"^```.*?^```", "", TEXT[page], flags=re.MULTILINE | re.DOTALL)
    for path in PATH.findall(text):
        if not path.startswith(STATE):
            assert (PROJECT / path).exists(), path


def test_pages_that_the_code_names_exist() -> None:
    rooms = ("benchmarks", "flows", "serving", "tasks", "tests", "warehouse")
    files = [
        path for room in rooms for path in (PROJECT / room).rglob("*.*") if path.suffix in (".py", ".toml")
    ]
    for path in (*files, PROJECT / "polyrec.toml"):
        for page in re.findall(r"\bdocs/[\w/-]+\.md", path.read_text(encoding="utf-8")):
            assert (PROJECT / page).exists(), f"{path}: {page}"


@pytest.mark.parametrize("page", sorted(TEXT.keys() - {"CHANGELOG.md"}))
def test_words_are_those_of_today(page: str) -> None:
    assert not OLD_WORDS.findall(TEXT[page])


def test_every_page_is_linked() -> None:
    linked = {
        (PROJECT / page).parent.joinpath(target).resolve()
        for page, text in TEXT.items()
        for target in re.findall(r"\]\(([^)#]+)", text)
        if not target.startswith("http")
    }
    assert {page for page in PAGES if page.parts[-2:] != ("mlflow", "README.md")} <= linked | {PAGES[0]}


def test_pages_are_short() -> None:
    assert len(TEXT["README.md"].splitlines()) < 160
    pages = [
        page
        for page in (PROJECT / "docs").rglob("*.*")
        if page.suffix in (".md", ".toml") and page.parent.name != "experiments"
    ]
    assert sum(len(page.read_text(encoding="utf-8").splitlines()) for page in pages) <= 2200


@pytest.mark.parametrize("page", TEXT)
def test_environment_variables_are_settings(page: str) -> None:
    keys = {key for key, _ in fields()}
    for name in re.findall(r"POLYREC_([A-Z_]+)", TEXT[page]):
        assert name.lower().replace("__", ".") in keys, name


def test_data_model_is_that_of_the_migrations(tmp_path: Path) -> None:
    section = TEXT["docs/architecture/data-model.md"]
    told = {name: key.strip() for name, _, key in TABLE_ROW.findall(section)}
    with writing(tmp_path, "a test") as warehouse:
        connection = warehouse.second_connection()
        rows = connection.execute(
            "select schema_name, table_name from duckdb_tables() where schema_name <> 'main'"
        ).fetchall()
        connection.close()
        keys = {
            f"{schema}.{table}": ", ".join(
                warehouse.query("primary_key", schema=schema, table=table).to_series()
            )
            for schema, table in rows
            if table != "applied_migrations"
        }
    assert told == keys


def packages() -> set[str]:
    """Folders of the project that Python imports."""
    return {
        path.parent.relative_to(PROJECT).as_posix()
        for name in ("flows", "serving", "tasks", "warehouse")
        for path in (PROJECT / name).rglob("__init__.py")
    }


def test_rooms_exist() -> None:
    section = TEXT["docs/architecture.md"].partition("## Rooms")[2].partition("\n## ")[0]
    told = re.findall(r"^\| `([a-z_/]+)/`", section, re.MULTILINE)
    assert packages() - {"tasks", "flows/cli/tables"} <= set(told)
    assert all((PROJECT / room).is_dir() for room in told)


def test_output_in_the_readme_is_that_of_a_run() -> None:
    output = TEXT["README.md"].partition("<!-- output -->")[2].partition("<!-- /output -->")[0]
    for piece in ("Validation, out of fold", "Test", "Fusion weights", "Recommended to user", "polyrec ui"):
        assert piece in output


def test_angle_in_the_docs_is_one() -> None:
    section = TEXT["docs/architecture/texts.md"].partition("## Angles")[2].partition("\n## ")[0]
    (example,) = re.findall(r"^```toml\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    corpus = Corpus(**tomllib.loads(example)["corpus"])
    (prompt,) = prompts_for(corpus, Item("Momo", 1973, [], "Graue Herren.", '{"author": "Michael Ende"}'))
    assert prompt[1:] == (
        "Buch: Momo (1973), von Michael Ende. Graue Herren.\n",
        "Ein Buch für alle, die",
    )
    told = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert {re.split(r"\W", name)[1] for row in told for name in row.split(", ")} == set(EMPTY)
    assert all(f"`{name}`" in section for name in ANGLE_SETS)


def test_every_package_is_installed() -> None:
    """An editable installation finds all of them, whatever pyproject.toml lists; another one does not."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = project["tool"]["setuptools"]["packages"]
    assert packages() <= {name.replace(".", "/") for name in listed}
