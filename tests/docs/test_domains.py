"""The worked configurations of docs/domains: what `init` writes for real files, what `check` finds."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from flows.cli.app import app
from flows.cli.tables.check import check_table
from tasks.settings import PROJECT, Settings, load_settings
from tests.ingest.deliveries import checked

DOMAINS = PROJECT / "docs" / "domains"
SHARED = PROJECT.parent / "shared" / "data"
NAMES = sorted(path.stem for path in DOMAINS.glob("*.md"))
FILES = {
    "films": [
        "ml-latest-small/movies.csv",
        "ml-latest-small/ratings.csv",
        "ml-latest-small/overviews.csv.gz",
    ],
    "shop": ["online-retail/transactions.parquet"],
}


def deliver(folder: Path, name: str) -> None:
    """Put the real files of a domain into a folder, by links."""
    files = [SHARED / file for file in FILES[name]]
    if missing := [str(file) for file in files if not file.exists()]:
        pytest.skip(f"needs the real data set in {missing[0]}")
    folder.mkdir()
    for file in files:
        (folder / file.name).symlink_to(file)


def without_hand(settings: Settings) -> dict[str, object]:
    """Settings without the rules that a person added, and without where they were read."""
    return settings.model_dump(exclude={"catalogue", "home", "base"})


@pytest.mark.parametrize("name", NAMES)
def test_configuration_loads_and_page_tells_its_three_commands(name: str) -> None:
    settings = load_settings(DOMAINS / f"{name}.toml")
    assert settings.data.source == "files" and settings.home == DOMAINS / "state"
    page = (DOMAINS / f"{name}.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    config = f"--config {name}/polyrec.toml"
    assert commands.splitlines() == [
        f"polyrec init {name}",
        f"polyrec check {config}",
        f"polyrec run {config}",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_configuration_is_what_init_writes(tmp_path: Path, name: str) -> None:
    deliver(tmp_path / name, name)
    answer = CliRunner().invoke(app, ["init", str(tmp_path / name)])
    assert answer.exit_code == 0, answer.output
    drafted = load_settings(tmp_path / name / "polyrec.toml")
    assert without_hand(drafted) == without_hand(load_settings(DOMAINS / f"{name}.toml"))


@pytest.mark.parametrize("name", NAMES)
def test_page_tells_what_check_finds(tmp_path: Path, name: str) -> None:
    deliver(tmp_path / name, name)
    config = tmp_path / name / "polyrec.toml"
    config.write_text((DOMAINS / f"{name}.toml").read_text(encoding="utf-8"), encoding="utf-8")
    found = checked(config)
    page = (DOMAINS / f"{name}.md").read_text(encoding="utf-8")
    names = ["rows_in", "used", "quarantined", "merged"]
    names += ["seen_only"] if any(row["seen_only"] for row in found.sources) else []
    for row in found.sources:
        counts = [f"{row[key]:,}" for key in names]
        line = r"\s+".join([rf"^\S+ +{row['kind']}", *counts])
        assert re.search(f"{line}$", page, re.MULTILINE), row
    for problem in found.problems:
        assert f"{problem.count:,}  {problem.kind}" in page
    answer = found.as_json()
    used = ", ".join(f"{answer[kind]:,} {kind}" for kind in ("users", "items", "interactions"))
    assert f"Used: {used}" in page
    assert f"ends with code {found.exit_code}" in page.replace("\n", " ")
    printed = io.StringIO()
    Console(file=printed, width=80).print(check_table(found))
    (output,) = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert output.strip() == "\n".join(line.rstrip() for line in printed.getvalue().splitlines()).strip()
