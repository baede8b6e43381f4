"""Tables of a database, by connection string."""

from pathlib import Path
from urllib.parse import urlsplit

from tasks.settings.data import Table
from warehouse.errors import SourceError


def source_name(table: Table) -> str:
    """What reports call the table: its connection without a password, and its name."""
    parts = urlsplit(table.connection)
    address = parts.netloc
    if "@" in address:
        user, _, host = address.rpartition("@")
        address = f"{user.partition(':')[0]}@{host}"
    return f"{parts.scheme}://{address}{parts.path}:{table.table}"


def duckdb_path(table: Table, base: Path) -> Path:
    """The file that a `duckdb:` connection names: absolute, or relative to the TOML file."""
    named = table.connection.partition(":")[2].removeprefix("//")
    choices = [Path(named), base / named.lstrip("/")]
    for path in choices:
        if path.is_file():
            return path
    raise SourceError(
        f"there is no DuckDB file {' or '.join(str(path) for path in choices)}; in the TOML: "
        'connection = "duckdb:///path/to/file"'
    )
